// What the options of layers that may be created in CSR have in common.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string_view>

#include "gossamer/dtype.h"
#include "gossamer/error.h"
#include "gossamer/parameter.h"
#include "runtime/check.h"

namespace gossamer::nn {

// Throws ConfigError unless a matrix of these sizes can be made, with names for the message; DTypeError unless
// floating.
inline void check_matrix(std::string_view op, std::string_view rows_name, int64_t rows, std::string_view cols_name,
                         int64_t cols, double sparsity, DType dtype) {
  const auto given = [&] { return fmt::format("{} {}, {} {}", rows_name, rows, cols_name, cols); };
  if (rows < 1 || cols < 1)
    fail<ConfigError>(op, fmt::format("{} and {} must be at least 1", rows_name, cols_name), given());
  if (const auto s = static_cast<float>(sparsity); !(s >= 0 && s < 1)) {
    fail<ConfigError>(op, "sparsity must be at least 0 and below 1", fmt::format("{}", sparsity),
                      remedy_of_share(sparsity));
  }
  if (!is_floating(dtype)) fail<DTypeError>(op, "dtype must be f32 or f64", dtype_name(dtype));
  if (rows > std::numeric_limits<int64_t>::max() / cols) {
    fail<ConfigError>(op, fmt::format("{} * {} must fit 63 bits", rows_name, cols_name), given());
  }
}

// The sparsity that makes a layer like one on this weight: below 1 in float32.
inline double sparsity_option(const Parameter& weight) {
  constexpr double kLargest = 1 - 1.0 / (1 << 24);
  return std::min(weight.sparsity(), kLargest);
}

}  // namespace gossamer::nn
