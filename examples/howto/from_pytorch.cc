// A network that PyTorch trained: loaded, compared, pruned, trained on, and saved for PyTorch again.
#include <cstdio>
#include <utility>

#include "gossamer/gossamer.h"

namespace gs = gossamer;
namespace nn = gs::nn;

struct Net final : nn::Cloneable<Net> {
  nn::Sequential features;
  nn::MultiheadAttention attention;
  nn::Sequential head;

  explicit Net(gs::Generator& rng)
      : features{nn::Conv2d({.in = 1, .out = 8, .kernel = 3, .padding = 1}, rng), nn::BatchNorm2d({.channels = 8}),
                 nn::ReLU(), nn::MaxPool2d({.kernel = 2})},
        attention({.dim = 8, .heads = 2}, rng),
        head{nn::Linear({.in = 128, .out = 32}, rng), nn::ReLU(), nn::Dropout({.p = 0.1}, rng),
             nn::Linear({.in = 32, .out = 4}, rng)} {
    register_module("features", features);
    register_module("attention", attention);
    register_module("head", head);
  }

  gs::Tensor forward(const gs::Tensor& images) override {
    gs::Tensor x = gs::flatten(features(images), {.start_dim = 2});
    x = gs::transpose(x, 1, 2);  // [n, 16 places, 8 features]
    x = x + attention(x);
    return head(gs::flatten(x, {.start_dim = 1}));
  }
};

double accuracy(Net& model, const gs::Tensor& x, const gs::Tensor& labels) {
  const gs::NoGrad no_grad;
  model.eval();
  gs::metrics::Accuracy accuracy;
  accuracy.add(model(x), labels);
  model.train();
  return 100 * accuracy.value();
}

int main() try {
  gs::Generator rng(1);  // the file replaces what it draws
  Net model(rng);
  const nn::ImportResult imported = nn::load_weights(model, "model.safetensors");
  std::printf("%zu parameters taken, such as %s\n", imported.taken.size(), imported.taken.begin()->first.c_str());

  const gs::StateDict data = gs::io::load_npz("data.npz");
  const gs::Tensor x = data.at("images").to(gs::DType::f32) / 255;
  const gs::Tensor& labels = data.at("labels");
  const gs::Tensor logits = [&] {
    const gs::NoGrad no_grad;
    model.eval();
    return model(x);
  }();
  const double difference = gs::max(gs::abs(logits - data.at("logits"))).item<double>();
  std::printf("the logits are those of PyTorch: %s\n", difference < 1e-4 ? "yes" : "no");
  std::printf("dense: %.1f %% right\n", accuracy(model, x, labels));

  gs::sparse::Static magnitudes({.sparsity = 0.9, .init_method = gs::sparse::topk});
  gs::sparse::Group sparsity({{{"head.0.weight", "attention.*.weight"}, std::move(magnitudes)}});
  gs::optim::AdamW optimizer(model.parameters(), {.lr = 3e-3});
  model.apply(sparsity);
  optimizer.apply(sparsity);
  std::printf("nine of ten pruned: %.1f %% right\n", accuracy(model, x, labels));
  for (int step = 0; step < 100; ++step) {
    const gs::Tensor loss = gs::cross_entropy(model(x), labels);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
  }
  std::printf("trained on: %.1f %% right\n", accuracy(model, x, labels));

  gs::io::save_safetensors("tuned.safetensors", model.state_dict(), {.metadata = {{"format", "pt"}}});
  const gs::NoGrad no_grad;
  model.eval();
  gs::io::save_npy("tuned.npy", model(x));
} catch (const gs::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
