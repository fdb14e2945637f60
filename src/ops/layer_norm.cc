// Layer norm and RMS norm, which is layer norm with a mean of 0. Backward normalizes x again from the statistics kept.
#include "gossamer/ops/layer_norm.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/dispatch.h"
#include "kernels/layer_norm.h"
#include "kernels/tile_norm.h"
#include "ops/check.h"
#include "ops/norm_checks.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "runtime/scratch.h"
#include "tensor/layout.h"

namespace gossamer {

namespace {

// Lines of a task of backward. Each has sums of its own for the gradients of weight and bias, which bounds the number
// of tasks: all sums together take no more memory than x.
int64_t lines_of_task(const kernels::NormLines& shape) {
  constexpr int64_t kMaxTasks = 64;
  constexpr int64_t kMinLines = 4;
  return std::max({kMinLines, rt::kElementGrain / shape.n, (shape.lines + kMaxTasks - 1) / kMaxTasks});
}

// Lines [begin, end).
kernels::NormLines part(const kernels::NormLines& shape, int64_t begin, int64_t end) {
  kernels::NormLines lines = shape;
  lines.lines = end - begin;
  return lines;
}

// The same lines as tiles of `width` samples.
struct TiledLines {
  kernels::NormLines shape;
  int width;

  int64_t tiles() const { return (shape.lines + width - 1) / width; }
  int64_t elements() const { return shape.n * width; }
  kernels::NormTile tile(int64_t index) const {
    return {.features = shape.n,
            .width = width,
            .samples = static_cast<int>(std::min<int64_t>(width, shape.lines - index * width)),
            .eps = shape.eps,
            .is_centered = shape.is_centered};
  }
};

// Tiles hold lines where those are of one dimension.
Layout layout_of(const Tensor& x, const Shape& normalized_shape) {
  return normalized_shape.rank() == 1 ? Layout::of(x) : Layout::rows();
}

// What a weight or bias that is undefined stands for.
Tensor or_full(const Tensor& affine, int64_t n, double value, DType dtype) {
  return affine.defined() ? affine : Tensor::full({n}, value, dtype);
}

struct NormNode final : Node {
  Input x{*this, {&x, &weight, &bias}}, weight{*this, {&x}}, bias{*this};
  kernels::NormLines shape;
  Layout layout;
  SavedTensor statistics;  // f64 [2, lines], lanes past n included: mean and rstd
  NormNode(const kernels::NormLines& shape_, const Layout& layout_, const Tensor& statistics_)
      : shape(shape_), layout(layout_), statistics(*this, statistics_) {}

  Gradients backward(const Tensor& grad) override {
    Tensor dx = layout.empty(grad.shape(), grad.dtype());
    Tensor sums = Tensor::zeros({2, shape.n}, grad.dtype());
    if (grad.numel() > 0) {
      dispatch_floating(grad.dtype(), "layer_norm", [&]<class T>() { gradients<T>(grad, dx, sums); });
    }
    const auto sum_of = [&](const Input& affine, int64_t row) {
      return affine.gradient([&] { return sums.alias(affine.shape(), row * shape.n); });
    };
    return {x.gradient([&] { return dx; }), sum_of(weight, 0), sum_of(bias, 1)};
  }

 private:
  // Writes dx, and the sums over all lines.
  template <class T>
  void gradients(const Tensor& grad, Tensor& dx, Tensor& sums) const {
    const int64_t n = shape.n;
    const Tensor weights = or_full(weight.value(), n, 1, grad.dtype());
    const Tensor rows_or_tiles = layout.take(x.value());
    const Tensor same_of_grad = layout.take(grad);
    const T* const w = weights.data<T>();
    const T* const from = layout.read<T>(rows_or_tiles).data;
    const T* const dy = layout.read<T>(same_of_grad).data;
    T* const to = layout.write<T>(dx).data;
    // Tasks are of whole tiles.
    const int64_t unit = std::max(1, layout.width());
    const int64_t grain = (lines_of_task(shape) + unit - 1) / unit * unit;
    const int64_t tasks = (shape.lines + grain - 1) / grain;
    Tensor partial = Tensor::zeros({tasks, 2, n}, DType::f64);
    double* const of_tasks = partial.mutable_data<double>();
    rt::parallel_chunks(shape.lines, grain, [&](int64_t begin, int64_t end) {
      double* const own = of_tasks + begin / grain * 2 * n;
      if constexpr (std::is_same_v<T, float>) {
        if (layout.is_tiled()) return of_tiles(begin, end, from, dy, w, to, own);
      }
      of_rows(begin, end, from, dy, w, to, own);
    });
    T* const totals = sums.mutable_data<T>();
    rt::parallel_chunks(2 * n, 1024, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        double sum = 0;
        for (int64_t task = 0; task < tasks; ++task) sum += of_tasks[task * 2 * n + i];
        totals[i] = static_cast<T>(sum);
      }
    });
  }

  // Both add the sums over lines [begin, end) to `sums`, [2, n].
  template <class T>
  void of_rows(int64_t begin, int64_t end, const T* from, const T* dy, const T* w, T* dx, double* sums) const {
    // Lines that are summed in T before the sums go on in double.
    constexpr int64_t kChain = 64;
    const int64_t n = shape.n;
    const double* const mean = statistics.get().data<double>();
    const double* const rstd = mean + shape.lines;
    const rt::Scratch scratch(2 * n * static_cast<int64_t>(sizeof(T)));
    T* const chain = reinterpret_cast<T*>(scratch.data());
    for (int64_t line = begin; line < end; line += kChain) {
      std::fill_n(chain, 2 * n, T(0));
      const int64_t at = line * n;
      kernels::layer_norm_grad(part(shape, line, std::min(end, line + kChain)), from + at, dy + at, w, mean + line,
                               rstd + line, dx + at, chain, chain + n);
      for (int64_t i = 0; i < 2 * n; ++i) sums[i] += static_cast<double>(chain[i]);
    }
  }

  void of_tiles(int64_t begin, int64_t end, const float* from, const float* dy, const float* w, float* dx,
                double* sums) const {
    const TiledLines lines{shape, layout.width()};
    const double* const mean = statistics.get().data<double>();
    const double* const rstd = mean + lines.tiles() * lines.width;
    for (int64_t line = begin; line < end; line += lines.width) {
      const int64_t tile = line / lines.width;
      const int64_t at = tile * lines.elements();
      kernels::tile_norm_grad(lines.tile(tile), from + at, dy + at, w, mean + line, rstd + line, dx + at, sums,
                              sums + shape.n);
    }
  }
};

// y and, f64 [2, lines], lanes past n included, mean and rstd.
template <class T>
Tensor normalize(const kernels::NormLines& shape, const Layout& layout, const Tensor& x, const Tensor& weight,
                 const Tensor& bias, Tensor& y) {
  const int64_t n = shape.n;
  const Tensor weights = or_full(weight, n, 1, x.dtype());
  const Tensor biases = or_full(bias, n, 0, x.dtype());
  const T* const w = weights.data<T>();
  const T* const b = biases.data<T>();
  const T* const from = layout.read<T>(x).data;
  const Batch<T> to = layout.write<T>(y);
  const int64_t unit = std::max(1, layout.width());
  const int64_t lines = (shape.lines + unit - 1) / unit * unit;
  Tensor statistics = Tensor::empty({2, lines}, DType::f64);
  double* const mean = statistics.mutable_data<double>();
  double* const rstd = mean + lines;
  if constexpr (std::is_same_v<T, float>) {
    if (layout.is_tiled()) {
      const TiledLines tiled{shape, layout.width()};
      const int64_t grain = rt::grain_of(tiled.elements());
      rt::parallel_chunks(tiled.tiles(), grain, [&](int64_t begin, int64_t end) {
        for (int64_t tile = begin; tile < end; ++tile) {
          const int64_t at = tile * tiled.elements();
          kernels::tile_norm(tiled.tile(tile), from + at, w, b, mean + tile * tiled.width, rstd + tile * tiled.width,
                             to.data + at);
        }
      });
      clear_lanes_past_n(to);
      return statistics;
    }
  }
  rt::parallel_chunks(shape.lines, rt::grain_of(n), [&](int64_t begin, int64_t end) {
    const int64_t at = begin * n;
    kernels::layer_norm(part(shape, begin, end), from + at, w, b, mean + begin, rstd + begin, to.data + at);
  });
  return statistics;
}

Tensor normalize(const char* op, const kernels::NormLines& shape, const Layout& layout, const Tensor& x,
                 const Tensor& weight, const Tensor& bias) {
  Tensor y = layout.empty(x.shape(), x.dtype());
  Tensor statistics;
  if (x.numel() > 0) {
    dispatch_floating(x.dtype(), op, [&]<class T>() { statistics = normalize<T>(shape, layout, x, weight, bias, y); });
  }
  return record<NormNode>(op, y, {x, weight, bias}, shape, layout, statistics);
}

// The lines of x, whose trailing dimensions must be normalized_shape.
kernels::NormLines check(const char* op, const Tensor& x, const Shape& normalized_shape, double eps) {
  check_floating(op, x);
  check_eps(op, eps);
  const std::span<const int64_t> dims = x.shape().dims();
  const size_t trailing = normalized_shape.dims().size();
  if (trailing < 1 || trailing > dims.size() || Shape(dims.last(trailing)) != normalized_shape) {
    fail<ShapeError>(op, fmt::format("the last dimensions of x must be {}, at least one", normalized_shape.to_string()),
                     x.shape().to_string());
  }
  return {.lines = Shape(dims.first(dims.size() - trailing)).numel(), .n = normalized_shape.numel(), .eps = eps};
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight, const Tensor& bias,
                  const NormalizationOptions& options) {
  constexpr const char* kOp = "layer_norm";
  const kernels::NormLines shape = check(kOp, x, normalized_shape, options.eps);
  check_affine(kOp, "weight", x, weight, normalized_shape);
  check_affine(kOp, "bias", x, bias, normalized_shape);
  return normalize(kOp, shape, layout_of(x, normalized_shape), x, weight, bias);
}

Tensor rms_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight, const RmsNormOptions& options) {
  constexpr const char* kOp = "rms_norm";
  kernels::NormLines shape = check(kOp, x, normalized_shape, options.eps);
  shape.is_centered = false;
  check_affine(kOp, "weight", x, weight, normalized_shape);
  return normalize(kOp, shape, layout_of(x, normalized_shape), x, weight, {});
}

}  // namespace gossamer
