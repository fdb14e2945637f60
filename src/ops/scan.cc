// Running sums.
#include "gossamer/ops/scan.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/dispatch.h"
#include "ops/check.h"
#include "runtime/parallel.h"

namespace gossamer {

namespace {

constexpr const char* kOp = "cumsum";

enum class From { First, Last };

// y[k] = x[0] + ... + x[k] along the axis, or x[k] + ... from the last. Sums are in double, in the order of the axis.
Tensor running_sum(const Tensor& x, const Axis& axis, From from) {
  Tensor out = Tensor::empty(x.shape(), x.dtype());
  if (out.numel() == 0) return out;
  dispatch_floating(x.dtype(), kOp, [&]<class T>() {
    constexpr int64_t kBlock = 512;  // columns walked together; their sums stay in the L1 cache
    const T* const data = x.data<T>();
    T* const to = out.mutable_data<T>();
    const int64_t blocks = (axis.inner + kBlock - 1) / kBlock;
    const int64_t start = from == From::First ? 0 : (axis.size - 1) * axis.inner;
    const int64_t step = from == From::First ? axis.inner : -axis.inner;
    const int64_t grain = rt::grain_of(axis.size * std::min(axis.inner, kBlock));
    rt::parallel_chunks(axis.outer * blocks, grain, [&](int64_t begin, int64_t end) {
      double sums[kBlock];
      for (int64_t unit = begin; unit < end; ++unit) {
        const int64_t col = unit % blocks * kBlock;
        const int64_t width = std::min(kBlock, axis.inner - col);
        std::fill_n(sums, width, 0.0);
        int64_t at = unit / blocks * axis.size * axis.inner + col + start;
        if (width == 1) {
          for (int64_t k = 0; k < axis.size; ++k, at += step) {
            sums[0] += static_cast<double>(data[at]);
            to[at] = static_cast<T>(sums[0]);
          }
          continue;
        }
        for (int64_t k = 0; k < axis.size; ++k, at += step) {
          for (int64_t i = 0; i < width; ++i) {
            sums[i] += static_cast<double>(data[at + i]);
            to[at + i] = static_cast<T>(sums[i]);
          }
        }
      }
    });
  });
  return out;
}

}  // namespace

Tensor cumsum(const Tensor& x, int dim) {
  struct CumsumNode final : Node {
    Axis axis;
    explicit CumsumNode(const Axis& axis_) : axis(axis_) {}

    // Element i goes into every sum from i on.
    Gradients backward(const Tensor& grad) override { return {running_sum(grad, axis, From::Last)}; }
  };

  check_floating(kOp, x);
  const Axis axis = axis_of(x.shape(), normalize_dim(kOp, x.shape(), dim));
  return record<CumsumNode>(kOp, running_sum(x, axis, From::First), {x}, axis);
}

}  // namespace gossamer
