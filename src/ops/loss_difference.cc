// Losses of the difference between an element and its target.
#include <fmt/format.h>

#include <cmath>
#include <cstdint>

#include "ops/loss_pointwise.h"
#include "runtime/check.h"

namespace gossamer {

namespace {

template <class T>
T sign(T d) {
  return d > T(0) ? T(1) : d < T(0) ? T(-1) : T(0);
}

// A loss of d = x - t alone: the slope in t is that in x, negated. F has loss(d) and slope(d).
template <class F>
struct OfDifference : F {
  template <class T>
  void loss(const Run<T>& r) const {
    for (int64_t i = 0; i < r.n; ++i) r.y[i] = F::loss_of(r.x[i] - r.t[i]);
  }
  template <class T>
  void slope_x(const Run<T>& r) const {
    for (int64_t i = 0; i < r.n; ++i) r.y[i] = F::slope_of(r.x[i] - r.t[i]);
  }
  template <class T>
  void slope_t(const Run<T>& r) const {
    for (int64_t i = 0; i < r.n; ++i) r.y[i] = -F::slope_of(r.x[i] - r.t[i]);
  }
};

struct Squared {
  template <class T>
  T loss_of(T d) const {
    return d * d;
  }
  template <class T>
  T slope_of(T d) const {
    return d + d;
  }
};

struct Absolute {
  template <class T>
  T loss_of(T d) const {
    return std::abs(d);
  }
  template <class T>
  T slope_of(T d) const {
    return sign(d);
  }
};

struct Huber {
  double delta;

  // NaN passes through both.
  template <class T>
  T loss_of(T d) const {
    const T limit = static_cast<T>(delta);
    const T size = std::abs(d);
    return size <= limit ? T(0.5) * d * d : limit * (size - T(0.5) * limit);
  }
  template <class T>
  T slope_of(T d) const {
    const T limit = static_cast<T>(delta);
    return d > limit ? limit : d < -limit ? -limit : d;
  }
};

struct SmoothL1 {
  double beta;  // above 0

  template <class T>
  T loss_of(T d) const {
    const T limit = static_cast<T>(beta);
    const T size = std::abs(d);
    return size < limit ? T(0.5) * d * d / limit : size - T(0.5) * limit;
  }
  template <class T>
  T slope_of(T d) const {
    const T limit = static_cast<T>(beta);
    return d >= limit ? T(1) : d <= -limit ? T(-1) : d / limit;
  }
};

template <class F>
Tensor difference_loss(const char* op, const Tensor& x, const Tensor& targets, const F& f, Reduction reduction) {
  check_loss_operands(op, x, targets);
  return pointwise_loss(op, x, targets, OfDifference<F>{f}, reduction);
}

}  // namespace

Tensor mse_loss(const Tensor& x, const Tensor& targets, const LossOptions& options) {
  return difference_loss("mse_loss", x, targets, Squared{}, options.reduction);
}

Tensor l1_loss(const Tensor& x, const Tensor& targets, const LossOptions& options) {
  return difference_loss("l1_loss", x, targets, Absolute{}, options.reduction);
}

Tensor huber_loss(const Tensor& x, const Tensor& targets, const HuberLossOptions& options) {
  constexpr const char* kOp = "huber_loss";
  if (!(options.delta > 0 && std::isfinite(options.delta))) {
    fail<ConfigError>(kOp, "delta must be above 0 and finite", fmt::format("{}", options.delta));
  }
  return difference_loss(kOp, x, targets, Huber{options.delta}, options.reduction);
}

Tensor smooth_l1_loss(const Tensor& x, const Tensor& targets, const SmoothL1LossOptions& options) {
  constexpr const char* kOp = "smooth_l1_loss";
  if (!(options.beta >= 0 && std::isfinite(options.beta))) {
    fail<ConfigError>(kOp, "beta must be 0 or more and finite", fmt::format("{}", options.beta));
  }
  if (options.beta == 0) return difference_loss(kOp, x, targets, Absolute{}, options.reduction);
  return difference_loss(kOp, x, targets, SmoothL1{options.beta}, options.reduction);
}

}  // namespace gossamer
