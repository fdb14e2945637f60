// A perceptron in plain loops over dense doubles with masks: what the library is compared with.
#pragma once

#include <cstdint>
#include <vector>

namespace gossamer::soak {

enum class Activation { Relu, Soft };  // max(x, 0), and the smooth x / (1 + x^2)

// A parameter as its dense matrix; everything is 0 where the mask is.
struct ReferenceParameter {
  int64_t rows = 0;
  int64_t cols = 0;
  std::vector<double> value;
  std::vector<uint8_t> mask;
  std::vector<uint8_t> forward_mask;  // the connections that forward uses
  std::vector<double> grad;           // empty before backward
  std::vector<double> momentum;
  int64_t updates = 0;

  void resize(int64_t rows_, int64_t cols_);
  int64_t nnz() const;
  // Survivors keep value, gradient and momentum, all others are 0; forward uses all connections again.
  void change_mask(const std::vector<uint8_t>& to);
};

struct ReferenceLayer {
  ReferenceParameter weight;
  ReferenceParameter bias;  // without rows where there is none
};

struct Reference {
  std::vector<ReferenceLayer> layers;
  Activation activation = Activation::Relu;

  // The output [n, last rows] for x [n, first cols], both row-major.
  std::vector<double> forward(const std::vector<double>& x, int64_t n) const;
  // Adds the gradients of mean((forward(x) - target)^2) and returns that mean.
  double backward(const std::vector<double>& x, const std::vector<double>& target, int64_t n);
  // SGD with momentum, of all parameters that have a gradient.
  void step(double lr, double momentum);
  void zero_grad();

 private:
  // The input of every layer, and what comes after the last one; pre-activations beside them.
  struct Pass {
    std::vector<std::vector<double>> inputs;
    std::vector<std::vector<double>> sums;
  };
  Pass run(const std::vector<double>& x, int64_t n) const;
};

}  // namespace gossamer::soak
