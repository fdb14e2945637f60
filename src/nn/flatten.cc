#include "gossamer/nn/flatten.h"

#include "gossamer/ops/shape.h"

namespace gossamer::nn {

Tensor Flatten::forward(const Tensor& x) {
  return flatten(x, {.start_dim = options_.start_dim, .end_dim = options_.end_dim});
}

}  // namespace gossamer::nn
