// From one element type to another.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "gossamer/dtype.h"

namespace gossamer {

// What Tensor::to() says: a number that an integer type D cannot hold becomes the nearest that it can, NaN becomes 0.
template <Element D, Element S>
D convert(S x) {
  using Limits = std::numeric_limits<D>;
  if constexpr (std::is_floating_point_v<D> || std::is_same_v<D, bool>) {
    return static_cast<D>(x);
  } else if constexpr (std::is_floating_point_v<S>) {
    const S bound = std::ldexp(S(1), Limits::digits);  // max() + 1 = -min(), which every S holds exactly
    if (x != x) return 0;
    return x >= bound ? Limits::max() : x < -bound ? Limits::min() : static_cast<D>(x);
  } else {
    return static_cast<D>(std::clamp<int64_t>(x, Limits::min(), Limits::max()));
  }
}

}  // namespace gossamer
