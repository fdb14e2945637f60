// What an application loads, uses and unloads: a module that is linked with the library.
#include <cstring>
#include <exception>
#include <vector>

#include "gossamer/gossamer.h"

namespace gs = gossamer;

// One step of training on all threads, in CSR and dense; returns a hash of the outputs' bits, 0 when something failed.
extern "C" __attribute__((visibility("default"))) unsigned long train() {
  try {
    gs::Generator rng(7);
    gs::nn::Sequential model{gs::nn::named("fc1", gs::nn::Linear({.in = 300, .out = 600}, rng)), gs::nn::ReLU(),
                             gs::nn::named("fc2", gs::nn::Linear({.in = 600, .out = 10}, rng))};
    gs::sparse::Group sparsity({{"fc1.weight", gs::sparse::Static(0.9)}});
    gs::optim::SGD optimizer(model.parameters(), {.lr = 0.1});
    model.apply(sparsity);
    optimizer.apply(sparsity);

    gs::Tensor x = gs::Tensor::empty({256, 300});
    gs::fill_uniform(x, 5, -1, 1);
    const gs::Tensor y = model(x);
    gs::mean(gs::mul(y, y)).backward();
    optimizer.step();

    unsigned long hash = 14695981039346656037UL;
    const gs::Tensor outputs = model(x);
    for (const float value : outputs.span<float>()) {
      unsigned bits = 0;
      std::memcpy(&bits, &value, sizeof bits);
      hash = (hash ^ bits) * 1099511628211UL;
    }
    return hash;
  } catch (const std::exception&) {
    return 0;
  }
}
