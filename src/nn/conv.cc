#include "gossamer/nn/conv.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>

#include "gossamer/functional.h"
#include "gossamer/nn/init.h"
#include "nn/sparse_options.h"
#include "runtime/check.h"

namespace gossamer::nn {

namespace {

template <class Options>
void check_weight(std::string_view op, const Options& options, const Size2d& kernel) {
  const int64_t in = options.in;
  const int64_t out = options.out;
  const int64_t groups = options.groups;
  if (in < 1 || out < 1 || kernel.h < 1 || kernel.w < 1) {
    fail<ConfigError>(op, "in, out and kernel must be at least 1",
                      fmt::format("in {}, out {}, kernel {} x {}", in, out, kernel.h, kernel.w));
  }
  if (groups < 1 || in % groups != 0 || out % groups != 0) {
    fail<ConfigError>(op, "groups must divide in and out", fmt::format("{} of {} and {}", groups, in, out));
  }
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  if (kernel.h > kMax / kernel.w || in / groups > kMax / (kernel.h * kernel.w)) {
    fail<ConfigError>(op, "in / groups * kernel must fit 63 bits",
                      fmt::format("{} / {} * {} x {}", in, groups, kernel.h, kernel.w));
  }
  check_matrix(op, "out", out, "in / groups * kernel", in / groups * kernel.h * kernel.w, options.sparsity,
               options.dtype);
}

void check_window(std::string_view op, const Size2d& stride, const Size2d& padding, const Size2d& dilation) {
  if (stride.h < 1 || stride.w < 1 || dilation.h < 1 || dilation.w < 1 || padding.h < 0 || padding.w < 0) {
    fail<ConfigError>(op, "stride and dilation must be at least 1, padding at least 0",
                      fmt::format("stride {} x {}, dilation {} x {}, padding {} x {}", stride.h, stride.w, dilation.h,
                                  dilation.w, padding.h, padding.w));
  }
}

// Weight of the given shape, and a bias where there is one: uniform in ±1/sqrt(inputs of an output).
template <class Options>
void make_parameters(const Options& options, const Shape& shape, Generator& rng, Parameter& weight, Parameter& bias) {
  Generator after = rng;
  const uint64_t key = after.next_key();
  const int64_t inputs = shape.numel() / shape[0];
  const double bound = 1 / std::sqrt(static_cast<double>(inputs));
  weight = init::make_parameter({.shape = shape, .dtype = options.dtype, .sparsity = options.sparsity},
                                derive_key(key, "pattern", 0));
  init::uniform(weight, derive_key(key, "weight", 0), {.low = -bound, .high = bound});
  if (options.bias) {
    bias = init::make_parameter({.shape = {options.out}, .dtype = options.dtype}, 0);
    init::uniform(bias, derive_key(key, "bias", 0), {.low = -bound, .high = bound});
  }
  rng = after;
}

}  // namespace

Conv1d::Conv1d(const Conv1dOptions& options, Generator& rng) : options_(options) {
  check_weight("Conv1d", options, options.kernel);
  check_window("Conv1d", options.stride, options.padding, options.dilation);
  make_parameters(options, {options.out, options.in / options.groups, options.kernel}, rng, weight_, bias_);
  register_parameter("weight", weight_);
  if (bias_.defined()) register_parameter("bias", bias_);
}

Tensor Conv1d::forward(const Tensor& x) {
  return conv1d(x, weight_, bias_,
                {.stride = options_.stride,
                 .padding = options_.padding,
                 .dilation = options_.dilation,
                 .groups = options_.groups});
}

Conv2d::Conv2d(const Conv2dOptions& options, Generator& rng) : options_(options) {
  check_weight("Conv2d", options, options.kernel);
  check_window("Conv2d", options.stride, options.padding, options.dilation);
  const Shape shape{options.out, options.in / options.groups, options.kernel.h, options.kernel.w};
  make_parameters(options, shape, rng, weight_, bias_);
  register_parameter("weight", weight_);
  if (bias_.defined()) register_parameter("bias", bias_);
}

Tensor Conv2d::forward(const Tensor& x) {
  return conv2d(x, weight_, bias_,
                {.stride = options_.stride,
                 .padding = options_.padding,
                 .dilation = options_.dilation,
                 .groups = options_.groups});
}

}  // namespace gossamer::nn
