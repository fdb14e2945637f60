// Elementwise loops over one or two tensors, with broadcasting. Forward and backward of most operations are made of
// them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "gossamer/tensor.h"
#include "runtime/parallel.h"
#include "tensor/dispatch.h"
#include "tensor/tiles.h"

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
void parallel_runs(const BroadcastPlan& plan, F&& f) {
  if (plan.shape.numel() == 0) return;
  const int64_t inner = plan.size[0];
  const int64_t runs = plan.shape.numel() / inner;
  const int64_t pieces = (inner + rt::kElementGrain - 1) / rt::kElementGrain;
  rt::parallel_chunks(runs * pieces, std::max<int64_t>(1, rt::kElementGrain / inner), [&](int64_t begin, int64_t end) {
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

// Runs over contiguous elements of operands that agree in shape, and of the result. This is the one place that knows
// layouts: where all operands hold tiles of one width the result has them too, otherwise it is row-major. The elements
// are the same bits either way.

// run(n, a, b, out) for pieces of equal shapes of one floating dtype.
template <class Run>
Tensor zip_runs(const char* op, const Tensor& a, const Tensor& b, const Run& run) {
  const ConstBatch<float> a_tiles = TensorTiles::get(a);
  const ConstBatch<float> b_tiles = TensorTiles::get(b);
  if (a_tiles.width != 0 && a_tiles.width == b_tiles.width) {
    Tensor out = TensorTiles::empty(a.shape(), a_tiles.width);
    const Batch<float> out_tiles = TensorTiles::open(out);
    rt::parallel_chunks(out_tiles.padded(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      run(end - begin, a_tiles.data + begin, b_tiles.data + begin, out_tiles.data + begin);
    });
    clear_lanes_past_n(out_tiles);
    return out;
  }
  Tensor out = Tensor::empty(a.shape(), a.dtype());
  dispatch_floating(a.dtype(), op, [&]<class T>() {
    const T* const a_data = a.data<T>();
    const T* const b_data = b.data<T>();
    T* const out_data = out.mutable_data<T>();
    rt::parallel_chunks(a.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      run(end - begin, a_data + begin, b_data + begin, out_data + begin);
    });
  });
  return out;
}

// run(n, x, out) for pieces of a floating dtype.
template <class Run>
Tensor map_runs(const char* op, const Tensor& x, const Run& run) {
  if (const ConstBatch<float> tiles = TensorTiles::get(x); tiles.width != 0) {
    Tensor out = TensorTiles::empty(x.shape(), tiles.width);
    const Batch<float> out_tiles = TensorTiles::open(out);
    rt::parallel_chunks(tiles.padded(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      run(end - begin, tiles.data + begin, out_tiles.data + begin);
    });
    clear_lanes_past_n(out_tiles);
    return out;
  }
  Tensor out = Tensor::empty(x.shape(), x.dtype());
  dispatch_floating(x.dtype(), op, [&]<class T>() {
    const T* const from = x.data<T>();
    T* const to = out.mutable_data<T>();
    rt::parallel_chunks(x.numel(), rt::kElementGrain,
                        [&](int64_t begin, int64_t end) { run(end - begin, from + begin, to + begin); });
  });
  return out;
}

// f(a, b) elementwise, for operands of one floating dtype. f is a generic callable on two numbers.
template <class F>
Tensor zip(const char* op, const Tensor& a, const Tensor& b, F f) {
  if (a.shape() == b.shape()) {
    return zip_runs(op, a, b, [&]<class T>(int64_t n, const T* x, const T* y, T* z) {
      for (int64_t i = 0; i < n; ++i) z[i] = f(x[i], y[i]);
    });
  }
  const BroadcastPlan plan = plan_broadcast(a.shape(), b.shape(), op);
  Tensor out = Tensor::empty(plan.shape, a.dtype());
  dispatch_floating(a.dtype(), op, [&]<class T>() {
    const T* const a_data = a.data<T>();
    const T* const b_data = b.data<T>();
    T* const out_data = out.mutable_data<T>();
    parallel_runs(plan, [&](int64_t at, int64_t a_at, int64_t b_at, int64_t n) {
      const T* const x = a_data + a_at;
      const T* const y = b_data + b_at;
      T* const z = out_data + at;
      if (plan.stride_a[0] == 0) {
        for (int64_t i = 0; i < n; ++i) z[i] = f(*x, y[i]);
      } else if (plan.stride_b[0] == 0) {
        for (int64_t i = 0; i < n; ++i) z[i] = f(x[i], *y);
      } else {
        for (int64_t i = 0; i < n; ++i) z[i] = f(x[i], y[i]);
      }
    });
  });
  return out;
}

// f(x) elementwise, for a floating dtype.
template <class F>
Tensor map(const char* op, const Tensor& x, F f) {
  return map_runs(op, x, [&]<class T>(int64_t n, const T* from, T* to) {
    for (int64_t i = 0; i < n; ++i) to[i] = f(from[i]);
  });
}

// x repeated along the dimensions that broadcasting stretches to reach `shape`, which x must fit: a copy.
Tensor expand(const Tensor& x, const Shape& shape);

}  // namespace gossamer
