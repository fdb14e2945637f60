// A network with 90 % of its first layer pruned learns to tell points around ten centres apart. The five folders beside
// this file build it, each with one build system.
#include <cstdio>

#include "gossamer/gossamer.h"

namespace gs = gossamer;

int main() {
  try {
    const auto blobs = gs::data::make_blobs({.samples = 2000, .features = 20, .classes = 10, .seed = 1});
    gs::data::DataLoader loader(blobs, {.batch_size = 100, .seed = 1});

    gs::Generator rng(1);
    gs::nn::Sequential model{gs::nn::named("fc1", gs::nn::Linear({.in = 20, .out = 200}, rng)), gs::nn::ReLU(),
                             gs::nn::named("fc2", gs::nn::Linear({.in = 200, .out = 10}, rng))};
    gs::optim::AdamW optimizer(model.parameters(), {.lr = 1e-2});
    gs::sparse::Group sparsity({{"fc1.weight", gs::sparse::Static(0.9)}});
    model.apply(sparsity);
    optimizer.apply(sparsity);

    gs::metrics::Accuracy accuracy;
    for (auto& batch : loader) {
      const gs::Tensor logits = model(batch.x);
      optimizer.zero_grad();
      gs::cross_entropy(logits, batch.y).backward();
      optimizer.step();
      accuracy.add(logits, batch.y);
    }
    std::printf("gossamer %s, headers %s: accuracy %.1f %% in the first epoch, fc1 %.1f %% sparse\n",
                gs::version().data(), GOSSAMER_VERSION_STRING, 100 * accuracy.value(),
                100 * sparsity.sparse_params().front().param().sparsity());
  } catch (const gs::Error& error) {
    std::fprintf(stderr, "main: %s\n", error.what());
    return 1;
  }
}
