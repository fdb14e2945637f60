// Operands of the benchmarks.
#pragma once

#include <cstdint>

#include "gossamer/random.h"
#include "gossamer/tensor.h"

namespace gossamer::bench {

// Uniform in [-1, 1).
inline Tensor uniform(const Shape& shape, uint64_t key) {
  Tensor tensor = Tensor::empty(shape);
  fill_uniform(tensor, key, -1, 1);
  return tensor;
}

}  // namespace gossamer::bench
