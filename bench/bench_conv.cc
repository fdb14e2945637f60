// Times of convolutions, forward and backward, for bench/compare_torch_conv.py, which lets both sides take turns.
//
// A line of standard input is "set n in size out kernel stride padding groups sparsity", answered by "ok", or "run",
// answered by the CPU seconds of forward and backward.
#include <iostream>
#include <optional>
#include <string>

#include "bench/timing.h"
#include "gossamer/functional.h"
#include "gossamer/nn/init.h"
#include "gossamer/ops.h"
#include "gossamer/random.h"

namespace {

using namespace gossamer;

Parameter parameter(const Shape& shape, double sparsity, uint64_t key) {
  const Parameter p = nn::init::make_parameter({.shape = shape, .sparsity = sparsity}, key);
  nn::init::uniform(p, key + 1, {.low = -1, .high = 1});
  p.set_requires_grad(true);
  return p;
}

struct Layer {
  Conv2dOptions options;
  Tensor x, dy;
  Parameter weight, bias;

  explicit Layer(std::istream& in) {
    int64_t n = 0, channels = 0, size = 0, out = 0, kernel = 0, stride = 0, padding = 0, groups = 0;
    double sparsity = 0;
    in >> n >> channels >> size >> out >> kernel >> stride >> padding >> groups >> sparsity;
    options = {.stride = stride, .padding = padding, .groups = groups};
    x = parameter({n, channels, size, size}, 0, 1).values();
    weight = parameter({out, channels / groups, kernel, kernel}, sparsity, 3);
    bias = parameter({out}, 0, 5);
    dy = parameter(conv2d(x, weight, bias, options).shape(), 0, 7).dense();
  }

  void run() const {
    x.set_grad({});
    weight.zero_grad();
    bias.zero_grad();
    const double start = bench::cpu_seconds();
    const Tensor y = conv2d(x, weight, bias, options);
    const double middle = bench::cpu_seconds();
    y.backward(dy);
    std::cout << middle - start << ' ' << bench::cpu_seconds() - middle << std::endl;
  }
};

}  // namespace

int main() {
  std::optional<Layer> layer;
  std::string command;
  while (std::cin >> command) {
    if (command == "set") {
      layer.emplace(std::cin);
      std::cout << "ok" << std::endl;
    } else if (layer) {
      layer->run();
    }
  }
}
