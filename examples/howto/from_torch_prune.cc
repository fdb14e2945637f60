// A network pruned by torch.nn.utils.prune: loaded in CSR, trained on with fixed and with moving connections, frozen.
#include <cstdio>
#include <memory>

#include "gossamer/gossamer.h"

namespace gs = gossamer;
namespace nn = gs::nn;

nn::Sequential classifier() {
  gs::Generator rng(0);  // the file replaces what it draws
  return nn::Sequential{nn::named("fc1", nn::Linear({.in = 32, .out = 48}, rng)), nn::named("act1", nn::ReLU()),
                        nn::named("fc2", nn::Linear({.in = 48, .out = 32}, rng)), nn::named("act2", nn::ReLU()),
                        nn::named("fc3", nn::Linear({.in = 32, .out = 32}, rng)), nn::named("act3", nn::ReLU()),
                        nn::named("fc4", nn::Linear({.in = 32, .out = 4}, rng))};
}

double difference(const gs::Tensor& a, const gs::Tensor& b) { return gs::max(gs::abs(a - b)).item<double>(); }

double accuracy(const gs::Tensor& logits, const gs::Tensor& labels) {
  gs::metrics::Accuracy accuracy;
  accuracy.add(logits, labels);
  return 100 * accuracy.value();
}

int main() try {
  const gs::StateDict data = gs::io::load_npz("data.npz");
  const gs::Tensor x = data.at("inputs").to(gs::DType::f32) / 8;
  const gs::Tensor& labels = data.at("labels");

  nn::Sequential model = classifier(), same = classifier();
  const nn::ImportResult imported = nn::load_weights(model, "pruned.safetensors");
  nn::load_weights(same, "removed.safetensors", {.from_zeros = "*.weight"});
  for (const auto& [name, p] : model.named_parameters()) {
    if (imported.taken.at(name) != nn::WeightForm::Prune) continue;
    std::printf("%s: %lld of %lld\n", name.c_str(), static_cast<long long>(p.nnz()), static_cast<long long>(p.numel()));
  }
  const gs::Tensor logits = model(x).detach();
  std::printf("from masks and from zeros: %s\n", difference(same(x), logits) == 0 ? "the same" : "different");
  std::printf("as in PyTorch: %s\n", difference(data.at("logits"), logits) < 1e-4 ? "yes" : "no");
  std::printf("as pruned: %.1f %% right\n", accuracy(logits, labels));

  const auto train = [&](nn::Module& net, gs::optim::Optimizer& optimizer) {
    for (int step = 0; step < 100; ++step) {
      const gs::Tensor loss = gs::cross_entropy(net(x), labels);
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
    }
    return accuracy(net(x), labels);
  };
  const std::unique_ptr<nn::Module> moving = model.clone();

  gs::optim::AdamW optimizer(model.parameters(), {.lr = 3e-3});
  std::printf("trained on, mask fixed: %.1f %% right\n", train(model, optimizer));

  gs::sparse::Group group;
  for (const auto& [name, p] : moving->named_parameters()) {
    if (!p.is_csr()) continue;
    group.add({name, gs::sparse::RigL({.sparsity = p.sparsity(), .update = {.freq = 10, .stop = 70}})});
  }
  gs::optim::AdamW other(moving->parameters(), {.lr = 3e-3});
  moving->apply(group);
  other.apply(group);
  std::printf("trained on, RigL: %.1f %% right\n", train(*moving, other));

  nn::freeze(*moving);
  gs::io::save_safetensors("served.safetensors", moving->state_dict({.form = gs::SparseForm::Csr}));
  nn::Sequential server = classifier();
  nn::load_weights(server, "served.safetensors");
  nn::freeze(server);
  std::printf("loaded again: %s\n", difference(server(x), (*moving)(x)) == 0 ? "the same bits" : "different");
} catch (const gs::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
