// Losses of an element and its target: each is a rule for a run of elements, from which follow forward with its
// reduction, and backward for both operands, each in one pass.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "gossamer/autograd.h"
#include "gossamer/ops/loss.h"
#include "kernels/elementwise.h"
#include "kernels/reduce.h"
#include "ops/broadcast.h"
#include "ops/check.h"
#include "ops/loss_pointwise.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "runtime/scratch.h"
#include "tensor/dispatch.h"

namespace gossamer {

using kernels::Binary;
using kernels::Unary;

namespace {

// A run of elements: operands, where the result goes, and where the run stands in the tensors.
template <class T>
struct Run {
  int64_t n;
  int64_t first;
  const T* x;
  const T* t;
  T* y;
};

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

struct Bce {
  // What logarithms are at least, and slopes are divided by at least, as in torch.
  static constexpr double kLeastLog = -100;
  static constexpr double kLeastSlope = 1e-12;

  template <class T>
  static T limited_log(T p) {
    const T log = std::log(p);
    return log < T(kLeastLog) ? T(kLeastLog) : log;
  }
  template <class T>
  static T limited_log1m(T p) {
    const T log = std::log1p(-p);
    return log < T(kLeastLog) ? T(kLeastLog) : log;
  }
  template <class T>
  void loss(const Run<T>& r) const {
    for (int64_t i = 0; i < r.n; ++i) {
      r.y[i] = (r.t[i] - T(1)) * limited_log1m(r.x[i]) - r.t[i] * limited_log(r.x[i]);
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
    for (int64_t i = 0; i < r.n; ++i) r.y[i] = limited_log1m(r.x[i]) - limited_log(r.x[i]);
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

// Of a cosine x and a target of 1 or -1, which takes no gradient.
struct CosineEmbedding {
  double margin;

  template <class T>
  void loss(const Run<T>& r) const {
    const T least = static_cast<T>(margin);
    for (int64_t i = 0; i < r.n; ++i) {
      r.y[i] = r.t[i] > T(0) ? T(1) - r.x[i] : r.x[i] <= least ? T(0) : r.x[i] - least;
    }
  }
  template <class T>
  void slope_x(const Run<T>& r) const {
    const T least = static_cast<T>(margin);
    for (int64_t i = 0; i < r.n; ++i) r.y[i] = r.t[i] > T(0) ? T(-1) : r.x[i] <= least ? T(0) : T(1);
  }
  template <class T>
  void slope_t(const Run<T>& r) const {
    std::fill_n(r.y, r.n, T(0));
  }
};

// Elements of a run: what rule and reduction share stays in the L1 cache.
constexpr int64_t kRun = 2048;

template <class Rule>
struct PointwiseLossNode final : Node {
  const char* op;
  Input x{*this, {&x, &t}};
  Input t{*this, {&x, &t}};
  Rule rule;
  Tensor weight;  // of each element, or undefined
  double divisor;

  PointwiseLossNode(const char* op_, const Rule& rule_, const Tensor& weight_, double divisor_)
      : op(op_), rule(rule_), weight(weight_), divisor(divisor_) {}

  std::vector<Tensor> backward(const Tensor& grad) override {
    return {x.gradient([&] { return gradient(grad, [&](const auto& run) { rule.slope_x(run); }); }),
            t.gradient([&] { return gradient(grad, [&](const auto& run) { rule.slope_t(run); }); })};
  }

  // The slopes times the gradient of each loss.
  template <class F>
  Tensor gradient(const Tensor& grad, F&& slopes) const {
    Tensor out = Tensor::empty(x.shape(), grad.dtype());
    dispatch_floating(grad.dtype(), op, [&]<class T>() {
      const T* const from = x.value().data<T>();
      const T* const target = t.value().data<T>();
      const T* const g = grad.data<T>();
      const T* const w = weight.defined() ? weight.data<T>() : nullptr;
      T* const to = out.mutable_data<T>();
      const bool reduced = grad.rank() == 0;
      const T factor = reduced ? static_cast<T>(static_cast<double>(g[0]) / divisor) : T(1);
      rt::parallel_chunks(out.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i += kRun) {
          const int64_t n = std::min(kRun, end - i);
          slopes(Run<T>{n, i, from + i, target + i, to + i});
          kernels::zip(Binary::Mul, n, {to + i}, {reduced ? &factor : g + i, reduced ? 0 : 1}, to + i);
          if (w != nullptr) kernels::zip(Binary::Mul, n, {to + i}, {w + i}, to + i);
        }
      });
    });
    return out;
  }
};

// A weight of each element of x; undefined where `weight` is.
Tensor element_weights(const char* op, const char* what, const Tensor& weight, const Tensor& x) {
  if (!weight.defined()) return {};
  check_same_floating(op, x, weight);
  if (plan_broadcast(x.shape(), weight.shape(), op).shape != x.shape()) {
    fail<ShapeError>(op, fmt::format("{} must broadcast to {}", what, x.shape().to_string()),
                     weight.shape().to_string());
  }
  return expand(weight.detach(), x.shape());
}

void check_operands(const char* op, const Tensor& x, const Tensor& targets) {
  check_same_floating(op, x, targets);
  if (x.shape() != targets.shape()) {
    fail<ShapeError>(op, fmt::format("targets must have the shape {} of the other operand", x.shape().to_string()),
                     targets.shape().to_string(), "reshape or expand one of them");
  }
}

// The operands are checked; `weight` has their shape or is undefined.
template <class Rule>
Tensor pointwise_loss(const char* op, const Tensor& x, const Tensor& targets, const Rule& rule, Reduction reduction,
                      const Tensor& weight = {}) {
  const int64_t numel = x.numel();
  const double divisor = reduction == Reduction::Mean ? static_cast<double>(numel) : 1;
  const bool each = reduction == Reduction::None;
  Tensor loss = each ? Tensor::empty(x.shape(), x.dtype()) : Tensor();
  dispatch_floating(x.dtype(), op, [&]<class T>() {
    const T* const from = x.data<T>();
    const T* const target = targets.data<T>();
    const T* const w = weight.defined() ? weight.data<T>() : nullptr;
    T* const to = each ? loss.mutable_data<T>() : nullptr;
    const double sum = rt::parallel_sum(numel, rt::kElementGrain, [&](int64_t begin, int64_t end) {
      const rt::Scratch scratch(each ? 0 : kRun * static_cast<int64_t>(sizeof(T)));
      double part = 0;
      for (int64_t i = begin; i < end; i += kRun) {
        const int64_t n = std::min(kRun, end - i);
        T* const y = each ? to + i : reinterpret_cast<T*>(scratch.data());
        rule.loss(Run<T>{n, i, from + i, target + i, y});
        if (w != nullptr) kernels::zip(Binary::Mul, n, {y}, {w + i}, y);
        if (!each) part += kernels::sum(n, y);
      }
      return part;
    });
    if (!each) loss = Tensor::full({}, sum / divisor, x.dtype());
  });
  return record<PointwiseLossNode<Rule>>(op, loss, {x, targets}, op, rule, weight, divisor);
}

template <class F>
Tensor difference_loss(const char* op, const Tensor& x, const Tensor& targets, const F& f, Reduction reduction) {
  check_operands(op, x, targets);
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

Tensor bce_loss(const Tensor& p, const Tensor& targets, const BceLossOptions& options) {
  constexpr const char* kOp = "bce_loss";
  check_operands(kOp, p, targets);
  return pointwise_loss(kOp, p, targets, Bce{}, options.reduction, element_weights(kOp, "weight", options.weight, p));
}

Tensor bce_with_logits(const Tensor& x, const Tensor& targets, const BceWithLogitsOptions& options) {
  constexpr const char* kOp = "bce_with_logits";
  check_operands(kOp, x, targets);
  return pointwise_loss(kOp, x, targets, BceWithLogits{element_weights(kOp, "pos_weight", options.pos_weight, x)},
                        options.reduction, element_weights(kOp, "weight", options.weight, x));
}

Tensor kl_div(const Tensor& log_p, const Tensor& targets, const KlDivOptions& options) {
  constexpr const char* kOp = "kl_div";
  check_operands(kOp, log_p, targets);
  if (options.log_target) return pointwise_loss(kOp, log_p, targets, KlDivOfLogs{}, options.reduction);
  return pointwise_loss(kOp, log_p, targets, KlDiv{}, options.reduction);
}

Tensor loss_of_cosine(const char* op, const Tensor& cosine, const Tensor& sign, double margin, Reduction reduction) {
  return pointwise_loss(op, cosine, sign, CosineEmbedding{margin}, reduction);
}

}  // namespace gossamer
