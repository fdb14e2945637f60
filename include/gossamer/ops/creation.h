// Tensors made of numbers.
#pragma once

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

}  // namespace gossamer
#pragma GCC visibility pop
