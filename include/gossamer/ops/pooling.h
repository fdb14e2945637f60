// Pooling over the last two dimensions: x [n, channels, h, w] or [channels, h, w], with h and w of at least 1. All
// throw ShapeError, also where no window fits, DTypeError, and ConfigError for options out of range. Sizes of windows
// and results are those of PyTorch.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "gossamer/ops/size2d.h"
#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

struct MaxPool2dOptions {
  Size2d kernel = 0;        // at least 1
  Size2d stride = 0;        // from window to window; 0: the kernel
  Size2d padding = 0;       // on all sides; smaller than a window
  Size2d padding_end = -1;  // below and to the right, where it differs (SAME_UPPER of ONNX); -1: the padding
  Size2d dilation = 1;      // between elements of a window, at least 1
  bool ceil_mode = false;   // a last window that is not whole counts if it begins inside
};

// The largest element of each window; NaN where it has one. The gradient goes to the first of equal elements, and with
// NaN to the last NaN. Padding never wins; a window of padding alone, which dilation can make, is -infinity.
[[nodiscard]] Tensor max_pool2d(const Tensor& x, const MaxPool2dOptions& options);

// The same and, i64, the position of the element chosen in its plane, row * w + column; -1 where there is none.
[[nodiscard]] std::pair<Tensor, Tensor> max_pool2d_with_indices(const Tensor& x, const MaxPool2dOptions& options);

struct AvgPool2dOptions {
  Size2d kernel = 0;                             // at least 1
  Size2d stride = 0;                             // from window to window; 0: the kernel
  Size2d padding = 0;                            // zeros on all sides; smaller than the kernel
  Size2d padding_end = -1;                       // below and to the right, where it differs; -1: the padding
  bool ceil_mode = false;                        // a last window that is not whole counts if it begins inside
  bool count_include_pad = true;                 // padding counts in the number that sums are divided by
  std::optional<int64_t> divisor_override = {};  // that number, at least 1
};

// The mean of each window.
[[nodiscard]] Tensor avg_pool2d(const Tensor& x, const AvgPool2dOptions& options);

// Means and maxima of windows [floor(i h / H), ceil((i + 1) h / H)), that give a result of the size asked for, at least
// 1. A size of 1 is global pooling.
[[nodiscard]] Tensor adaptive_avg_pool2d(const Tensor& x, const Size2d& size);
[[nodiscard]] Tensor adaptive_max_pool2d(const Tensor& x, const Size2d& size);

}  // namespace gossamer
#pragma GCC visibility pop
