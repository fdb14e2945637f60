// Tensors for tests.
#pragma once

#include <cstdint>
#include <cstring>
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

namespace test {
// The same in [-1, 1), float as parameters are. An object, so that it is never an overload of the function above.
inline constexpr auto uniform = [](const Shape& shape, uint64_t key, DType dtype = DType::f32) {
  return gossamer::uniform(shape, key, dtype);
};
}  // namespace test

// A mask in which each element is set with the given probability.
inline Tensor random_mask(const Shape& shape, uint64_t key, double density) {
  Tensor mask = Tensor::empty(shape, DType::boolean);
  bool* const bits = mask.mutable_data<bool>();
  for (int64_t i = 0; i < mask.numel(); ++i) bits[i] = random_double(key, static_cast<uint64_t>(i)) < density;
  return mask;
}

// The bits of the elements, to compare runs by: == takes -0 for 0, and no NaN for itself.
inline std::vector<uint32_t> to_bits(const Tensor& x) {
  std::vector<uint32_t> bits(static_cast<size_t>(x.numel()));
  std::memcpy(bits.data(), x.data<float>(), bits.size() * sizeof(float));
  return bits;
}

template <Element T>
std::vector<T> to_vector(const Tensor& x) {
  return std::vector<T>(x.data<T>(), x.data<T>() + x.numel());
}

}  // namespace gossamer
