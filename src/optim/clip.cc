#include "gossamer/optim/clip.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "gossamer/dispatch.h"
#include "gossamer/error.h"
#include "kernels/elementwise.h"
#include "kernels/reduce.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "runtime/processes.h"
#include "tensor/arith.h"

namespace gossamer::optim {
namespace {

void check_bound(std::string_view op, std::string_view name, double value) {
  if (!(value >= 0))
    fail<ConfigError>(op, fmt::format("{} must not be negative or NaN", name), fmt::format("{}", value));
}

std::vector<Tensor> defined_grads(const std::vector<Parameter>& params) {
  std::vector<Tensor> grads;
  for (const Parameter& p : params) {
    if (const Tensor grad = p.grad(); grad.defined()) grads.push_back(grad);
  }
  return grads;
}

// The largest |g|, NaN when any is.
template <class T>
double max_abs(int64_t n, const T* g) {
  T largest = 0;
  for (int64_t i = 0; i < n; ++i) {
    const T a = std::abs(g[i]);
    largest = a > largest || std::isnan(a) ? a : largest;  // nothing is greater than NaN
  }
  return static_cast<double>(largest);
}

double max_norm_of(const Tensor& grad) {
  return dispatch_floating(grad.dtype(), "clip_grad_norm", [&]<class T>() {
    const T* g = grad.data<T>();
    const int64_t n = grad.numel();
    std::vector<double> partial(static_cast<size_t>((n + rt::kElementGrain - 1) / rt::kElementGrain));
    rt::parallel_chunks(n, rt::kElementGrain, [&](int64_t begin, int64_t end) {
      partial[static_cast<size_t>(begin / rt::kElementGrain)] = max_abs(end - begin, g + begin);
    });
    return max_abs(static_cast<int64_t>(partial.size()), partial.data());
  });
}

// Sum of |g|^p.
double power_sum(const Tensor& grad, double p) {
  return dispatch_floating(grad.dtype(), "clip_grad_norm", [&]<class T>() {
    const T* g = grad.data<T>();
    return rt::parallel_sum(grad.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      if (p == 2) return kernels::sum_of_squares(end - begin, g + begin);
      double sum = 0;
      for (int64_t i = begin; i < end; ++i) sum += std::pow(std::abs(static_cast<double>(g[i])), p);
      return sum;
    });
  });
}

double total_norm(const std::vector<Tensor>& grads, double p) {
  if (std::isinf(p)) {
    std::vector<double> norms;
    norms.reserve(grads.size());
    for (const Tensor& grad : grads) norms.push_back(max_norm_of(grad));
    return rt::max_over_processes(max_abs(static_cast<int64_t>(norms.size()), norms.data()));
  }
  double sum = 0;
  for (const Tensor& grad : grads) sum += power_sum(grad, p);
  sum = rt::sum_over_processes(sum);
  return p == 2 ? std::sqrt(sum) : std::pow(sum, 1 / p);
}

}  // namespace

double clip_grad_norm(const std::vector<Parameter>& params, double max_norm, const ClipOptions& options) {
  constexpr std::string_view kOp = "clip_grad_norm";
  check_bound(kOp, "max_norm", max_norm);
  if (!(options.norm_type > 0)) {
    fail<ConfigError>(kOp, "norm_type must be above 0", fmt::format("{}", options.norm_type));
  }
  std::vector<Tensor> grads = defined_grads(params);
  const double norm = total_norm(grads, options.norm_type);
  if (options.error_if_nonfinite && !std::isfinite(norm)) {
    fail<StateError>(kOp, "the norm of the gradients must be finite", fmt::format("{}", norm),
                     "look for the first operation that gives NaN, or leave error_if_nonfinite off");
  }
  const double factor = max_norm / (norm + 1e-6);
  if (factor >= 1) return norm;
  for (Tensor& grad : grads) {
    dispatch_floating(grad.dtype(), kOp, [&]<class T>() {
      T* g = grad.mutable_data<T>();
      const T scale = static_cast<T>(factor);
      rt::parallel_chunks(grad.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
        kernels::zip(kernels::Binary::Mul, end - begin, {g + begin}, {&scale, 0}, g + begin);
      });
    });
  }
  return norm;
}

void clip_grad_value(const std::vector<Parameter>& params, double clip_value) {
  constexpr std::string_view kOp = "clip_grad_value";
  check_bound(kOp, "clip_value", clip_value);
  std::vector<Tensor> grads = defined_grads(params);
  for (const Tensor& grad : grads) make_rows(grad);  // all memory before the first is clipped
  for (Tensor& grad : grads) {
    dispatch_floating(grad.dtype(), kOp, [&]<class T>() {
      T* g = grad.mutable_data<T>();
      const T bound = static_cast<T>(clip_value);
      rt::parallel_chunks(grad.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
        kernels::zip(kernels::Binary::ClampAbs, end - begin, {g + begin}, {&bound, 0}, g + begin);
      });
    });
  }
}

}  // namespace gossamer::optim
