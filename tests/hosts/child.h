// What host tests share. Each scenario runs as a death test of the style "threadsafe": in a program that was started
// anew, so that limits, forks and exits concern no other test.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "gossamer/gossamer.h"

namespace gossamer::host {

// A hanging scenario ends by a signal, which no test expects.
inline void limit_time() { alarm(120); }

// Ends a scenario that failed.
[[noreturn]] inline void give_up(const char* why) {
  static_cast<void>(!write(STDERR_FILENO, why, std::strlen(why)));
  _exit(1);
}
inline void require(bool holds, const char* why) {
  if (!holds) give_up(why);
}

// Three layers, wide enough for parallel loops: one streamed CSR, one in CSR of few nonzeros, one dense.
class Network {
 public:
  Network() : model_(make()), x_(Tensor::empty({192, 300})) {
    sparse::Group sparsity({{"fc1.weight", sparse::Static(0.9)}, {"fc2.weight", sparse::Static(0.98)}});
    model_.apply(sparsity);
    fill_uniform(x_, 5, -1, 1);
  }

  // The bytes of its outputs for some samples, for all of them and for one.
  std::vector<float> evaluate() {
    const NoGrad no_grad;
    std::vector<float> outputs;
    for (const int64_t n : {int64_t{192}, int64_t{20}, int64_t{1}}) {
      const Tensor y = softmax(model_(slice(x_, {.dim = 0, .begin = 0, .end = n})), 1);
      const auto values = y.span<float>();
      outputs.insert(outputs.end(), values.begin(), values.end());
    }
    return outputs;
  }

 private:
  static nn::Sequential make() {
    Generator rng(7);
    return nn::Sequential{nn::named("fc1", nn::Linear({.in = 300, .out = 600}, rng)), nn::ReLU(),
                          nn::named("fc2", nn::Linear({.in = 600, .out = 500}, rng)), nn::ReLU(),
                          nn::named("fc3", nn::Linear({.in = 500, .out = 10}, rng))};
  }

  nn::Sequential model_;
  Tensor x_;
};

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace gossamer::host
