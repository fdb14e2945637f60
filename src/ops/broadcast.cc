#include "ops/broadcast.h"

#include <algorithm>

namespace gossamer {

namespace {
// Size and row-major stride of one operand along dimension `from_end` (counted from the last), stretched ones at stride
// 0.
struct Operand {
  const Shape& shape;
  int64_t elements = 1;

  int64_t next_stride(int from_end) {
    const int64_t size = from_end < shape.rank() ? shape[shape.rank() - 1 - from_end] : 1;
    const int64_t stride = size == 1 ? 0 : elements;
    elements *= size;
    return stride;
  }
};
}  // namespace

BroadcastPlan plan_broadcast(const Shape& a, const Shape& b, const char* op) {
  BroadcastPlan plan;
  plan.shape = broadcast_shapes(a, b, op);
  if (plan.shape.numel() == 0) return plan;  // nothing to walk, and strides that may not fit
  Operand operand_a{a};
  Operand operand_b{b};
  size_t loops = 0;
  for (int i = 0; i < plan.shape.rank(); ++i) {
    const int64_t size = plan.shape[plan.shape.rank() - 1 - i];
    const int64_t stride_a = operand_a.next_stride(i);
    const int64_t stride_b = operand_b.next_stride(i);
    if (size == 1) continue;
    if (loops > 0 && stride_a == plan.stride_a[loops - 1] * plan.size[loops - 1] &&
        stride_b == plan.stride_b[loops - 1] * plan.size[loops - 1]) {
      plan.size[loops - 1] *= size;
      continue;
    }
    plan.size[loops] = size;
    plan.stride_a[loops] = stride_a;
    plan.stride_b[loops] = stride_b;
    ++loops;
  }
  plan.loops = std::max(1, static_cast<int>(loops));
  return plan;
}

}  // namespace gossamer
