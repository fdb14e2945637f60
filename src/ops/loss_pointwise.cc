#include "ops/loss_pointwise.h"

#include <fmt/format.h>

#include "ops/broadcast.h"
#include "ops/check.h"
#include "runtime/check.h"

namespace gossamer {

void check_loss_operands(const char* op, const Tensor& x, const Tensor& targets) {
  check_same_floating(op, x, targets);
  if (x.shape() != targets.shape()) {
    fail<ShapeError>(op, fmt::format("targets must have the shape {} of the other operand", x.shape().to_string()),
                     targets.shape().to_string(), "reshape or expand one of them");
  }
}

Tensor element_weights(const char* op, const char* what, const Tensor& weight, const Tensor& x) {
  if (!weight.defined()) return {};
  check_same_floating(op, x, weight);
  if (plan_broadcast(x.shape(), weight.shape(), op).shape != x.shape()) {
    fail<ShapeError>(op, fmt::format("{} must broadcast to {}", what, x.shape().to_string()),
                     weight.shape().to_string());
  }
  return expand(weight.detach(), x.shape());
}

}  // namespace gossamer
