#include "gossamer/nn/pooling.h"

namespace gossamer::nn {

Tensor MaxPool2d::forward(const Tensor& x) {
  check_not_moved_from();
  return max_pool2d(x, options_);
}

Tensor AvgPool2d::forward(const Tensor& x) {
  check_not_moved_from();
  return avg_pool2d(x, options_);
}

Tensor AdaptiveAvgPool2d::forward(const Tensor& x) {
  check_not_moved_from();
  return adaptive_avg_pool2d(x, options_.size);
}

Tensor AdaptiveMaxPool2d::forward(const Tensor& x) {
  check_not_moved_from();
  return adaptive_max_pool2d(x, options_.size);
}

}  // namespace gossamer::nn
