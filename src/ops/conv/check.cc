#include "ops/conv/check.h"

#include <fmt/format.h>

#include <cstdint>
#include <initializer_list>

#include "ops/check.h"
#include "runtime/check.h"

namespace gossamer {

namespace {

constexpr const char* kOp = "conv2d";
// Larger numbers are no windows, and their products might overflow.
constexpr int64_t kLargest = int64_t{1} << 30;

void check_option(const char* name, const Size2d& option, int64_t least) {
  if (option.h >= least && option.w >= least && option.h <= kLargest && option.w <= kLargest) return;
  fail<ConfigError>(kOp, fmt::format("{} must lie in [{}, {}]", name, least, kLargest),
                    fmt::format("{} and {}", option.h, option.w));
}

void check_axis(const ConvAxis& axis, const Tensor& x) {
  if (axis.kernel >= 1 && axis.kernel <= kLargest && axis.in + 2 * axis.padding > axis.dilation * (axis.kernel - 1)) {
    return;
  }
  fail<ShapeError>(kOp, "the window must have a place, and fit the padded input",
                   fmt::format("a kernel of {} with dilation {} on {} with padding {}", axis.kernel, axis.dilation,
                               x.shape().to_string(), axis.padding));
}

}  // namespace

ConvSize check_conv2d(const Tensor& x, const Shape& weight, DType dtype, const Tensor& bias,
                      const Conv2dOptions& options) {
  check_floating(kOp, x);
  if (dtype != x.dtype()) {
    fail<DTypeError>(kOp, "operands must share a dtype",
                     fmt::format("{} and {}", dtype_name(x.dtype()), dtype_name(dtype)), "convert with .to(dtype)");
  }
  if (bias.defined()) check_same_floating(kOp, x, bias);
  if (weight.rank() != 4) fail<ShapeError>(kOp, "weight must be [out, in / groups, kh, kw]", weight.to_string());
  check_option("stride", options.stride, 1);
  check_option("padding", options.padding, 0);
  check_option("dilation", options.dilation, 1);
  if (options.groups < 1 || weight[0] % options.groups != 0) {
    fail<ConfigError>(kOp, "groups must divide the channels of the result",
                      fmt::format("{} groups of a {} weight", options.groups, weight.to_string()));
  }
  if ((x.rank() != 3 && x.rank() != 4) || x.dim(-3) % options.groups != 0 || x.dim(-3) / options.groups != weight[1]) {
    fail<ShapeError>(kOp,
                     fmt::format("x must be [n, {1} * {0}, h, w] or [{1} * {0}, h, w] for a {2} weight", weight[1],
                                 options.groups, weight.to_string()),
                     x.shape().to_string());
  }
  if (bias.defined() && bias.shape() != Shape({weight[0]})) {
    fail<ShapeError>(kOp, fmt::format("bias must be [{}]", weight[0]), bias.shape().to_string());
  }
  const ConvSize size{.n = x.rank() == 4 ? x.dim(0) : 1,
                      .groups = options.groups,
                      .in = weight[1],
                      .out = weight[0] / options.groups,
                      .y = {x.dim(-2), weight[2], options.stride.h, options.padding.h, options.dilation.h},
                      .x = {x.dim(-1), weight[3], options.stride.w, options.padding.w, options.dilation.w}};
  check_axis(size.y, x);
  check_axis(size.x, x);
  return size;
}

Shape conv_shape(const Tensor& x, const ConvSize& size) {
  const int64_t channels = size.groups * size.out;
  return x.rank() == 4 ? Shape({size.n, channels, size.y.out(), size.x.out()})
                       : Shape({channels, size.y.out(), size.x.out()});
}

}  // namespace gossamer
