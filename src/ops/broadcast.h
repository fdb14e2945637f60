// Broadcasting: the loops over a result whose operands are stretched.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "gossamer/ops/shape.h"
#include "gossamer/tensor.h"
#include "runtime/parallel.h"

namespace gossamer {

// The loop nest over a broadcast result, innermost loop first. Neighbouring dimensions that both operands walk alike
// are merged: equal shapes make one loop, a matrix plus a bias two. Every innermost stride is 0 or 1.
struct BroadcastPlan {
  Shape shape;
  int loops = 1;
  std::array<int64_t, Shape::kMaxRank> size{1};
  std::array<int64_t, Shape::kMaxRank> stride_a{1};
  std::array<int64_t, Shape::kMaxRank> stride_b{1};
};

// Throws ShapeError naming `op` where the shapes do not broadcast.
BroadcastPlan plan_broadcast(const Shape& a, const Shape& b, const char* op);

// Calls f(out, a, b, n) in parallel for runs of n elements of the innermost loop, given by their offsets.
template <class F>
void parallel_stretches(const BroadcastPlan& plan, F&& f) {
  if (plan.shape.numel() == 0) return;
  const int64_t inner = plan.size[0];
  const int64_t runs = plan.shape.numel() / inner;
  const int64_t pieces = (inner + rt::kElementGrain - 1) / rt::kElementGrain;
  rt::parallel_chunks(runs * pieces, rt::grain_of(inner), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % pieces * rt::kElementGrain;
      const int64_t run = i / pieces;
      int64_t a = first * plan.stride_a[0];
      int64_t b = first * plan.stride_b[0];
      int64_t index = run;
      for (size_t loop = 1; loop < static_cast<size_t>(plan.loops); ++loop) {
        a += index % plan.size[loop] * plan.stride_a[loop];
        b += index % plan.size[loop] * plan.stride_b[loop];
        index /= plan.size[loop];
      }
      f(run * inner + first, a, b, std::min(rt::kElementGrain, inner - first));
    }
  });
}

}  // namespace gossamer
