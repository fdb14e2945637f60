// Tensors for tests.
#pragma once

#include <cstdint>
#include <vector>

#include "gossamer/random.h"
#include "gossamer/tensor.h"

namespace gossamer {

// Uniform in [low, high), a function of the key.
inline Tensor uniform(const Shape& shape, uint64_t key, DType dtype = DType::f64, double low = -1, double high = 1) {
  Tensor x = Tensor::empty(shape, dtype);
  fill_uniform(x, key, low, high);
  return x;
}

// A mask in which each element is set with the given probability.
inline Tensor random_mask(const Shape& shape, uint64_t key, double density) {
  Tensor mask = Tensor::empty(shape, DType::boolean);
  bool* const bits = mask.mutable_data<bool>();
  for (int64_t i = 0; i < mask.numel(); ++i) bits[i] = random_double(key, static_cast<uint64_t>(i)) < density;
  return mask;
}

template <Element T>
std::vector<T> to_vector(const Tensor& x) {
  return std::vector<T>(x.data<T>(), x.data<T>() + x.numel());
}

}  // namespace gossamer
