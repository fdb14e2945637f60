// A program for cerebras.pytorch.sparse in C++: algorithms, a configuration, hooks, and a checkpoint with masks.
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include "gossamer/gossamer.h"

namespace gs = gossamer;
namespace nn = gs::nn;
namespace sp = gs::sparse;

sp::Group spelled() {
  sp::RigL rigl({.sparsity = 0.9,
                 .drop_fraction = sp::Cosine{.init = 0.3, .half_period = 100},
                 .update = {.freq = 10, .stop = 100}});
  sp::GMP gmp({.sparsity = sp::Linear{.init = 0.0, .slope = 0.005}, .update = {.freq = 10, .stop = 101}});
  return sp::Group({{{"fc1.weight", "fc2.weight"}, std::move(rigl)}, {"fc3.weight", std::move(gmp)}});
}

sp::Group configured() {
  using gs::ConfigList, gs::ConfigMap;
  return sp::configure(ConfigList{
      ConfigMap{{"algorithm", "rigl"},
                {"sparsity", 0.9},
                {"drop_fraction", ConfigMap{{"type", "cosine"}, {"init", 0.3}, {"half_period", 100}}},
                {"update", ConfigMap{{"freq", 10}, {"stop", 100}}},
                {"param_filter", ConfigList{"fc1.weight", "fc2.weight"}}},
      ConfigMap{{"algorithm", "gmp"},
                {"sparsity", ConfigMap{{"type", "linear"}, {"init", 0.0}, {"slope", 0.005}}},
                {"update", ConfigMap{{"freq", 10}, {"stop", 101}}},
                {"param_filter", "fc3.weight"}},
  });
}

nn::Sequential network() {
  gs::Generator rng(1);
  return nn::Sequential{nn::named("fc1", nn::Linear({.in = 32, .out = 64}, rng)), nn::ReLU(),
                        nn::named("fc2", nn::Linear({.in = 64, .out = 64}, rng)), nn::ReLU(),
                        nn::named("fc3", nn::Linear({.in = 64, .out = 8}, rng))};
}

void train(nn::Sequential& model, sp::Group sparsity, bool report) {
  const auto blobs = gs::data::make_blobs({.samples = 512, .features = 32, .classes = 8, .center = 2, .std = 2});
  gs::data::DataLoader loader(blobs, {.batch_size = 64, .seed = 1});
  gs::optim::AdamW optimizer(model.parameters(), {.lr = 1e-2, .eps = 1e-6, .weight_decay = 0});
  model.apply(sparsity);
  optimizer.apply(sparsity);

  int64_t step = 0;
  sparsity.register_computed_sparsity_hook([&](const sp::SparsityAlgorithm&, const std::string& name, float now) {
    if (report && step % 50 == 0) std::printf("step %lld: %s %.3f\n", static_cast<long long>(step), name.c_str(), now);
  });
  while (step < 100) {
    for (const auto& batch : loader) {
      const gs::Tensor loss = gs::cross_entropy(model(batch.x), batch.y);
      optimizer.zero_grad();
      loss.backward();
      ++step;
      optimizer.step();
      if (step == 100) break;
    }
  }
}

int main() try {
  nn::Sequential model = network(), other = network(), loaded = network();
  train(model, spelled(), true);
  train(other, configured(), false);
  gs::io::save_safetensors("checkpoint.safetensors", model.state_dict());
  const nn::ImportResult imported = nn::load_weights(loaded, "checkpoint.safetensors");
  std::printf("taken from a mask: %s\n", imported.taken.at("fc1.weight") == nn::WeightForm::Mask ? "yes" : "no");

  const gs::NoGrad no_grad;
  gs::Tensor x = gs::Tensor::empty({16, 32});
  gs::fill_uniform(x, 1, -2, 2);
  const auto distance = [&](nn::Module& a) { return gs::max(gs::abs(a(x) - model(x))).item<double>(); };
  std::printf("the configuration makes the same run: %s\n", distance(other) == 0 ? "yes" : "no");
  std::printf("the checkpoint holds the same model: %s\n", distance(loaded) == 0 ? "yes" : "no");
} catch (const gs::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
