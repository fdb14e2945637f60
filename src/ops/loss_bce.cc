// Binary cross-entropy, of probabilities and of logits.
#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include "ops/loss_pointwise.h"

namespace gossamer {

using kernels::Binary;
using kernels::Unary;

namespace {

struct Bce {
  // What logarithms are at least, and slopes are divided by at least, as in torch.
  static constexpr double kLeastLog = -100;
  static constexpr double kLeastSlope = 1e-12;

  // y = log p, and log(1 - p), neither below kLeastLog.
  template <class T>
  static void logarithms(const Run<T>& r, std::array<T, kRun>& of_rest) {
    kernels::map(Unary::Log, r.n, r.x, r.y);
    kernels::map(Unary::Neg, r.n, r.x, of_rest.data());
    kernels::map(Unary::Log1p, r.n, of_rest.data(), of_rest.data());
    const T least = static_cast<T>(kLeastLog);
    for (T* const log : {r.y, of_rest.data()}) kernels::zip(Binary::Maximum, r.n, {log}, {&least, 0}, log);
  }
  template <class T>
  void loss(const Run<T>& r) const {
    std::array<T, kRun> log_rest;
    logarithms(r, log_rest);
    for (int64_t i = 0; i < r.n; ++i) {
      r.y[i] = (r.t[i] - T(1)) * log_rest[static_cast<size_t>(i)] - r.t[i] * r.y[i];
    }
  }
  template <class T>
  void slope_x(const Run<T>& r) const {
    for (int64_t i = 0; i < r.n; ++i) {
      r.y[i] = (r.x[i] - r.t[i]) / std::max((T(1) - r.x[i]) * r.x[i], T(kLeastSlope));
    }
  }
  template <class T>
  void slope_t(const Run<T>& r) const {
    std::array<T, kRun> log_rest;
    logarithms(r, log_rest);
    for (int64_t i = 0; i < r.n; ++i) r.y[i] = log_rest[static_cast<size_t>(i)] - r.y[i];
  }
};

// t' log(1 + exp(-x)) + (1 - t) log(1 + exp(x)), where t' = pos_weight t. Both logarithms are max(∓x, 0) plus
// log(1 + exp(-|x|)), of which each keeps its digits.
struct BceWithLogits {
  Tensor pos_weight;  // of each element, or undefined

  // y = log(1 + exp(-|x|))
  template <class T>
  static void tail(const Run<T>& r) {
    const T no_threshold = std::numeric_limits<T>::infinity();
    kernels::map(Unary::Abs, r.n, r.x, r.y);
    kernels::map(Unary::Neg, r.n, r.y, r.y);
    kernels::zip(Binary::Softplus, r.n, {r.y}, {&no_threshold, 0}, r.y);
  }
  template <class T>
  void loss(const Run<T>& r) const {
    tail(r);
    with_pos_weight(r, [&](int64_t i, T w) {
      const T x = r.x[i];
      const T t = r.t[i];
      r.y[i] = w * t * ((x < T(0) ? -x : T(0)) + r.y[i]) + (T(1) - t) * ((x > T(0) ? x : T(0)) + r.y[i]);
    });
  }
  template <class T>
  void slope_x(const Run<T>& r) const {
    kernels::map(Unary::Sigmoid, r.n, r.x, r.y);
    with_pos_weight(r, [&](int64_t i, T w) {
      const T t = r.t[i];
      r.y[i] = (T(1) - t) * r.y[i] - w * t * (T(1) - r.y[i]);
    });
  }
  template <class T>
  void slope_t(const Run<T>& r) const {
    tail(r);
    with_pos_weight(r, [&](int64_t i, T w) {
      const T x = r.x[i];
      r.y[i] = w * ((x < T(0) ? -x : T(0)) + r.y[i]) - ((x > T(0) ? x : T(0)) + r.y[i]);
    });
  }
  template <class T, class F>
  void with_pos_weight(const Run<T>& r, F&& f) const {
    if (!pos_weight.defined()) {
      for (int64_t i = 0; i < r.n; ++i) f(i, T(1));
      return;
    }
    const T* const w = pos_weight.data<T>() + r.first;
    for (int64_t i = 0; i < r.n; ++i) f(i, w[i]);
  }
};

}  // namespace

Tensor bce_loss(const Tensor& p, const Tensor& targets, const BceLossOptions& options) {
  constexpr const char* kOp = "bce_loss";
  check_loss_operands(kOp, p, targets);
  return pointwise_loss(kOp, p, targets, Bce{}, options.reduction, element_weights(kOp, "weight", options.weight, p));
}

Tensor bce_with_logits(const Tensor& x, const Tensor& targets, const BceWithLogitsOptions& options) {
  constexpr const char* kOp = "bce_with_logits";
  check_loss_operands(kOp, x, targets);
  return pointwise_loss(kOp, x, targets, BceWithLogits{element_weights(kOp, "pos_weight", options.pos_weight, x)},
                        options.reduction, element_weights(kOp, "weight", options.weight, x));
}

}  // namespace gossamer
