#include "gossamer/nn/pooling.h"

namespace gossamer::nn {

Tensor MaxPool2d::forward(const Tensor& x) { return max_pool2d(x, options_); }

Tensor AvgPool2d::forward(const Tensor& x) { return avg_pool2d(x, options_); }

Tensor AdaptiveAvgPool2d::forward(const Tensor& x) { return adaptive_avg_pool2d(x, options_.size); }

Tensor AdaptiveMaxPool2d::forward(const Tensor& x) { return adaptive_max_pool2d(x, options_.size); }

}  // namespace gossamer::nn
