#include "ops/conv/check.h"
#include "gossamer/block_allocator.h"

#include <fmt/format.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "ops/check.h"
#include "runtime/check.h"

namespace gossamer {

namespace {

// Larger numbers are no windows, and their products might overflow.
constexpr int64_t kLargest = int64_t{1} << 30;

void check_option(const char* op, const char* name, const Size2d& option, int64_t least) {
  if (option.h >= least && option.w >= least && option.h <= kLargest && option.w <= kLargest) return;
  fail<ConfigError>(op, fmt::format("{} must lie in [{}, {}]", name, least, kLargest),
                    fmt::format("{} and {}", option.h, option.w));
}

void check_axis(const char* op, const ConvAxis& axis, const Tensor& x) {
  if (axis.kernel >= 1 && axis.kernel <= kLargest && axis.in + 2 * axis.padding > axis.dilation * (axis.kernel - 1)) {
    return;
  }
  fail<ShapeError>(op, "the window must have a place, and fit the padded input",
                   fmt::format("a kernel of {} with dilation {} on {} with padding {}", axis.kernel, axis.dilation,
                               x.shape().to_string(), axis.padding));
}

std::string_view remedy_of_channels(const Shape& x, int64_t channels) {
  if (x.rank() == 4 && x[3] == channels) return "the channels come first: permute(x, {0, 3, 1, 2})";
  if (x.rank() == 3 && x[2] == channels) return "the channels come first: permute(x, {2, 0, 1})";
  if (x.rank() == 3 && channels == 1) return "images of one channel have it, too: unsqueeze(x, 1)";
  return "";
}

}  // namespace

ConvSize check_conv2d(const char* op, const Tensor& x, const Shape& weight, DType dtype, const Tensor& bias,
                      const Conv2dOptions& options) {
  check_floating(op, x);
  if (dtype != x.dtype()) {
    fail<DTypeError>(op, "operands must share a dtype",
                     fmt::format("{} and {}", dtype_name(x.dtype()), dtype_name(dtype)), "convert with .to(dtype)");
  }
  if (bias.defined()) check_same_floating(op, x, bias);
  if (weight.rank() != 4) fail<ShapeError>(op, "weight must be [out, in / groups, kh, kw]", weight.to_string());
  check_option(op, "stride", options.stride, 1);
  check_option(op, "padding", options.padding, 0);
  check_option(op, "dilation", options.dilation, 1);
  if (options.groups < 1 || weight[0] % options.groups != 0) {
    fail<ConfigError>(op, "groups must divide the channels of the result",
                      fmt::format("{} groups of a {} weight", options.groups, weight.to_string()));
  }
  if ((x.rank() != 3 && x.rank() != 4) || x.dim(-3) % options.groups != 0 || x.dim(-3) / options.groups != weight[1]) {
    fail<ShapeError>(op,
                     fmt::format("x must be [n, {1} * {0}, h, w] or [{1} * {0}, h, w] for a {2} weight", weight[1],
                                 options.groups, weight.to_string()),
                     x.shape().to_string(), remedy_of_channels(x.shape(), weight[1] * options.groups));
  }
  if (bias.defined() && bias.shape() != Shape({weight[0]})) {
    fail<ShapeError>(op, fmt::format("bias must be [{}]", weight[0]), bias.shape().to_string());
  }
  const ConvSize size{.n = x.rank() == 4 ? x.dim(0) : 1,
                      .groups = options.groups,
                      .in = weight[1],
                      .out = weight[0] / options.groups,
                      .y = {x.dim(-2), weight[2], options.stride.h, options.padding.h, options.dilation.h},
                      .x = {x.dim(-1), weight[3], options.stride.w, options.padding.w, options.dilation.w}};
  check_axis(op, size.y, x);
  check_axis(op, size.x, x);
  return size;
}

Shape conv_shape(const Tensor& x, const ConvSize& size) {
  const int64_t channels = size.groups * size.out;
  return x.rank() == 4 ? Shape({size.n, channels, size.y.out(), size.x.out()})
                       : Shape({channels, size.y.out(), size.x.out()});
}

void check_conv1d(const char* op, const Tensor& x, const Shape& weight) {
  check_floating(op, x);
  if ((x.rank() == 2 || x.rank() == 3) && weight.rank() == 3) return;
  fail<ShapeError>(op, "x must be [n, c, l] or [c, l], weight [out, c / groups, k]",
                   fmt::format("{} and {}", x.shape().to_string(), weight.to_string()));
}

Shape as_image(const Shape& line) {
  BlockVector<int64_t> sizes(line.begin(), line.end());
  sizes.insert(sizes.end() - 1, 1);
  return Shape(sizes);
}

Shape as_line(const Shape& image) {
  BlockVector<int64_t> sizes(image.begin(), image.end());
  sizes.erase(sizes.end() - 2);
  return Shape(sizes);
}

Conv2dOptions as_image(const Conv1dOptions& line) {
  return {
      .stride = {1, line.stride}, .padding = {0, line.padding}, .dilation = {1, line.dilation}, .groups = line.groups};
}

}  // namespace gossamer
