// Tensors made of numbers.
#pragma once

#include <type_traits>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

struct ArangeOptions {
  double start = 0;
  double end = 0;
  double step = 1;  // not 0 (ConfigError); negative counts down
  DType dtype = DType::f32;
};
// start, start + step, ... as long as end is not reached: start + i step, computed in double, then converted. Nothing
// where end lies on the other side. Integer dtypes take whole numbers; bool is refused (DTypeError).
[[nodiscard]] Tensor arange(const ArangeOptions& options);
// 0, 1, ... below end. A template, so that {} stands for the options.
template <class Number>
requires std::is_arithmetic_v<Number>
[[nodiscard]] Tensor arange(Number end, DType dtype = DType::f32) {
  return arange(ArangeOptions{.end = static_cast<double>(end), .dtype = dtype});
}

// New tensors of the shape and dtype of x, without history (StateError where x is undefined). The value is converted as
// by Tensor::to.
[[nodiscard]] Tensor zeros_like(const Tensor& x);
[[nodiscard]] Tensor ones_like(const Tensor& x);
[[nodiscard]] Tensor full_like(const Tensor& x, double value);

}  // namespace gossamer
#pragma GCC visibility pop
