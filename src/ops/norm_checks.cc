#include "ops/norm_checks.h"

#include <fmt/format.h>

#include <cmath>

#include "ops/check.h"
#include "runtime/check.h"

namespace gossamer {

void check_eps(std::string_view op, double eps) {
  if (!(std::isfinite(eps) && eps >= 0)) {
    fail<ConfigError>(op, "eps must be finite and not negative", fmt::format("{}", eps));
  }
}

void check_affine(std::string_view op, const char* name, const Tensor& x, const Tensor& affine, const Shape& shape) {
  if (!affine.defined()) return;
  check_same_floating(op, x, affine);
  if (affine.shape() != shape) {
    fail<ShapeError>(op, fmt::format("{} must be {}", name, shape.to_string()), affine.shape().to_string());
  }
}

void check_channels(std::string_view op, const Tensor& x) {
  check_floating(op, x);
  if (x.rank() < 2) fail<ShapeError>(op, "x must be [n, channels, ...]", x.shape().to_string());
}

}  // namespace gossamer
