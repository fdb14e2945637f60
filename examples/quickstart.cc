// Trains a small network on Fashion-MNIST with 90 % of its first two layers pruned by RigL.
#include <cstdio>

#include "gossamer/gossamer.h"

namespace gs = gossamer;

double test_accuracy(gs::nn::Module& model, gs::data::DataLoader& loader) {
  const gs::NoGrad no_grad;
  model.eval();
  gs::metrics::Accuracy accuracy;
  for (auto& batch : loader) accuracy.add(model(batch.x), batch.y);
  model.train();
  return accuracy.value();
}

int main() {
  try {
    const auto fashion = gs::data::load_fashion_mnist({.scale = {.mean = 0.286, .std = 0.353}});
    gs::data::DataLoader train(fashion.train, {.batch_size = 128, .seed = 1});
    gs::data::DataLoader test(fashion.test, {.batch_size = 500, .shuffle = false});

    gs::Generator rng(1);
    gs::nn::Sequential model{gs::nn::Flatten(), gs::nn::named("fc1", gs::nn::Linear({.in = 784, .out = 512}, rng)),
                             gs::nn::ReLU(),    gs::nn::named("fc2", gs::nn::Linear({.in = 512, .out = 256}, rng)),
                             gs::nn::ReLU(),    gs::nn::named("fc3", gs::nn::Linear({.in = 256, .out = 10}, rng))};
    gs::optim::AdamW optimizer(model.parameters(), {.lr = 2e-3, .weight_decay = 0.01});
    const gs::sparse::RigLOptions rigl = {.sparsity = 0.9,
                                          .drop_fraction = gs::sparse::Cosine{.init = 0.3, .half_period = 800},
                                          .update = {.freq = 100, .stop = 800}};
    gs::sparse::Group sparsity({{"fc[12].weight", gs::sparse::RigL(rigl)}});
    model.apply(sparsity);      // the matching weights become CSR
    optimizer.apply(sparsity);  // step() then moves their connections to where the gradient is largest

    for (int epoch = 1; epoch <= 2; ++epoch) {
      for (auto& batch : train) {
        const gs::Tensor loss = gs::cross_entropy(model(batch.x), batch.y);
        optimizer.zero_grad();
        loss.backward();
        optimizer.step();
      }
      std::printf("epoch %d: test accuracy %.1f %%\n", epoch, 100 * test_accuracy(model, test));
    }
    for (const auto& p : sparsity.sparse_params()) {
      std::printf("%s: %.1f %% sparse\n", p.name().c_str(), 100 * p.param().sparsity());
    }
  } catch (const gs::Error& error) {
    std::fprintf(stderr, "quickstart: %s\n", error.what());
    return 1;
  }
}
