// The terms of the Kullback-Leibler divergence.
#include <cstdint>

#include "ops/loss_pointwise.h"

namespace gossamer {

using kernels::Unary;

namespace {

// A target of 0 leaves its element out, unless that is NaN.
template <class T>
T nothing_of(T x) {
  return x != x ? x : T(0);
}

struct KlDiv {
  template <class T>
  void loss(const Run<T>& r) const {
    kernels::map(Unary::Log, r.n, r.t, r.y);
    for (int64_t i = 0; i < r.n; ++i) {
      r.y[i] = r.t[i] == T(0) ? nothing_of(r.x[i]) : r.t[i] * (r.y[i] - r.x[i]);
    }
  }
  template <class T>
  void slope_x(const Run<T>& r) const {
    kernels::map(Unary::Neg, r.n, r.t, r.y);
  }
  template <class T>
  void slope_t(const Run<T>& r) const {
    kernels::map(Unary::Log, r.n, r.t, r.y);
    for (int64_t i = 0; i < r.n; ++i) r.y[i] = r.y[i] + T(1) - r.x[i];
  }
};

struct KlDivOfLogs {
  template <class T>
  void loss(const Run<T>& r) const {
    kernels::map(Unary::Exp, r.n, r.t, r.y);
    for (int64_t i = 0; i < r.n; ++i) {
      r.y[i] = r.y[i] == T(0) ? nothing_of(r.x[i]) : r.y[i] * (r.t[i] - r.x[i]);
    }
  }
  template <class T>
  void slope_x(const Run<T>& r) const {
    kernels::map(Unary::Exp, r.n, r.t, r.y);
    kernels::map(Unary::Neg, r.n, r.y, r.y);
  }
  template <class T>
  void slope_t(const Run<T>& r) const {
    kernels::map(Unary::Exp, r.n, r.t, r.y);
    for (int64_t i = 0; i < r.n; ++i) {
      r.y[i] = r.y[i] == T(0) ? nothing_of(r.x[i]) : r.y[i] * (T(1) + r.t[i] - r.x[i]);
    }
  }
};

}  // namespace

Tensor kl_div(const Tensor& log_p, const Tensor& targets, const KlDivOptions& options) {
  constexpr const char* kOp = "kl_div";
  check_loss_operands(kOp, log_p, targets);
  if (options.log_target) return pointwise_loss(kOp, log_p, targets, KlDivOfLogs{}, options.reduction);
  return pointwise_loss(kOp, log_p, targets, KlDiv{}, options.reduction);
}

}  // namespace gossamer
