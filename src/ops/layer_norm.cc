// Layer norm and RMS norm, which is layer norm with a mean of 0. Backward normalizes x again from the statistics kept.
#include "gossamer/ops/layer_norm.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "gossamer/autograd.h"
#include "kernels/layer_norm.h"
#include "ops/check.h"
#include "ops/norm_checks.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "runtime/scratch.h"
#include "tensor/dispatch.h"

namespace gossamer {

namespace {

// Lines of a task of backward. Each has sums of its own for the gradients of weight and bias, which bounds the number
// of tasks: all sums together take no more memory than x.
int64_t lines_of_task(const kernels::NormLines& shape) {
  constexpr int64_t kMaxTasks = 64;
  constexpr int64_t kMinLines = 4;
  return std::max({kMinLines, rt::kElementGrain / shape.n, (shape.lines + kMaxTasks - 1) / kMaxTasks});
}

// Lines from `begin` on.
kernels::NormLines part(const kernels::NormLines& shape, int64_t begin, int64_t end) {
  kernels::NormLines lines = shape;
  lines.lines = end - begin;
  return lines;
}

// What a weight or bias that is undefined stands for.
Tensor or_full(const Tensor& affine, int64_t n, double value, DType dtype) {
  return affine.defined() ? affine : Tensor::full({n}, value, dtype);
}

struct NormNode final : Node {
  Input x{*this, {&x, &weight, &bias}}, weight{*this, {&x}}, bias{*this};
  kernels::NormLines shape;
  SavedTensor statistics;  // f64 [2, lines]: mean and rstd
  NormNode(const kernels::NormLines& shape_, const Tensor& statistics_)
      : shape(shape_), statistics(*this, statistics_) {}

  std::vector<Tensor> backward(const Tensor& grad) override {
    Tensor dx = Tensor::empty(grad.shape(), grad.dtype());
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
  template <class T>
  void gradients(const Tensor& grad, Tensor& to, Tensor& sums) const {
    // Lines that are summed in T before the sums go on in double.
    constexpr int64_t kChain = 64;
    const int64_t n = shape.n;
    const int64_t grain = lines_of_task(shape);
    const Tensor weights = or_full(weight.value(), n, 1, grad.dtype());
    const T* const w = weights.data<T>();
    const T* const from = x.value().data<T>();
    const T* const dy = grad.data<T>();
    const double* const mean = statistics.get().data<double>();
    const double* const rstd = mean + shape.lines;
    T* const dx = to.mutable_data<T>();
    const int64_t tasks = (shape.lines + grain - 1) / grain;
    Tensor partial = Tensor::zeros({tasks, 2, n}, DType::f64);
    double* const of_tasks = partial.mutable_data<double>();
    rt::parallel_for(tasks, [&](int64_t task) {
      const rt::Scratch scratch(2 * n * static_cast<int64_t>(sizeof(T)));
      T* const chain = reinterpret_cast<T*>(scratch.data());
      double* const own = of_tasks + task * 2 * n;
      const int64_t end = std::min(shape.lines, (task + 1) * grain);
      for (int64_t line = task * grain; line < end; line += kChain) {
        std::fill_n(chain, 2 * n, T(0));
        const kernels::NormLines lines = part(shape, line, std::min(end, line + kChain));
        kernels::layer_norm_grad(lines, from + line * n, dy + line * n, w, mean + line, rstd + line, dx + line * n,
                                 chain, chain + n);
        for (int64_t i = 0; i < 2 * n; ++i) own[i] += static_cast<double>(chain[i]);
      }
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
};

Tensor normalize(const char* op, const kernels::NormLines& shape, const Tensor& x, const Tensor& weight,
                 const Tensor& bias) {
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  Tensor statistics = Tensor::empty({2, shape.lines}, DType::f64);
  if (x.numel() > 0) {
    dispatch_floating(x.dtype(), op, [&]<class T>() {
      const int64_t n = shape.n;
      const Tensor weights = or_full(weight, n, 1, x.dtype());
      const Tensor biases = or_full(bias, n, 0, x.dtype());
      const T* const w = weights.data<T>();
      const T* const b = biases.data<T>();
      const T* const from = x.data<T>();
      T* const to = y.mutable_data<T>();
      double* const mean = statistics.mutable_data<double>();
      double* const rstd = mean + shape.lines;
      rt::parallel_chunks(shape.lines, std::max<int64_t>(1, rt::kElementGrain / n), [&](int64_t begin, int64_t end) {
        kernels::layer_norm(part(shape, begin, end), from + begin * n, w, b, mean + begin, rstd + begin,
                            to + begin * n);
      });
    });
  }
  return record<NormNode>(op, y, {x, weight, bias}, shape, statistics);
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
                  const NormOptions& options) {
  constexpr const char* kOp = "layer_norm";
  const kernels::NormLines shape = check(kOp, x, normalized_shape, options.eps);
  check_affine(kOp, "weight", x, weight, normalized_shape);
  check_affine(kOp, "bias", x, bias, normalized_shape);
  return normalize(kOp, shape, x, weight, bias);
}

Tensor rms_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight, const RmsNormOptions& options) {
  constexpr const char* kOp = "rms_norm";
  kernels::NormLines shape = check(kOp, x, normalized_shape, options.eps);
  shape.is_centered = false;
  check_affine(kOp, "weight", x, weight, normalized_shape);
  return normalize(kOp, shape, x, weight, {});
}

}  // namespace gossamer
