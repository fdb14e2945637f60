// Convolutions, as deep learning calls cross-correlations.
#pragma once

#include <cstdint>

#include "gossamer/ops/size2d.h"
#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

struct Conv1dOptions {
  int64_t stride = 1;    // at least 1
  int64_t padding = 0;   // zeros at each end
  int64_t dilation = 1;  // distance of the places of a window, at least 1
  int64_t groups = 1;    // divides the channels of x and of the result: each group sees its own
};
// x [n, c, l] or [c, l], weight [out, c / groups, k], bias [out] or undefined -> [n, out, l'] or [out, l'], where
// l' = (l + 2 padding - dilation (k - 1) - 1) / stride + 1. Throws ShapeError where a size does not fit, or the window
// is larger than the padded input; ConfigError for an option out of range.
[[nodiscard]] Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                            const Conv1dOptions& options = {});

struct Conv2dOptions {
  Size2d stride = 1;
  Size2d padding = 0;
  Size2d dilation = 1;
  int64_t groups = 1;
};
// x [n, c, h, w] or [c, h, w], weight [out, c / groups, kh, kw], bias [out] or undefined -> [n, out, h', w'] or
// [out, h', w']: the same in two dimensions. No patches are formed: working memory is one band of one image per thread,
// and up to a million elements for parts of the weight's gradient.
[[nodiscard]] Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                            const Conv2dOptions& options = {});

}  // namespace gossamer
#pragma GCC visibility pop
