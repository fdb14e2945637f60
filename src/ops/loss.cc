// Cross-entropy of logits and class indices: log_softmax, the choice of classes and the reduction in one pass.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/ops/loss.h"
#include "kernels/reduce.h"
#include "ops/check.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "runtime/scratch.h"
#include "tensor/arith.h"
#include "tensor/dispatch.h"

namespace gossamer {

namespace {

constexpr const char* kOp = "cross_entropy";

// The target distribution of a row of class t: q_c = w_c (hit [c = t] + rest), with class weights w. The loss of the
// row is -Σ q_c log p_c.
struct Targets {
  int64_t classes;
  int64_t ignore_index;
  double hit;
  double rest;
  std::vector<double> weight;  // per class
  double weight_sum;

  double q(int64_t c, int64_t target) const {
    return weight[static_cast<size_t>(c)] * ((c == target ? hit : 0) + rest);
  }
  double q_sum(int64_t target) const { return hit * weight[static_cast<size_t>(target)] + rest * weight_sum; }
};

Targets make_targets(int64_t classes, const CrossEntropyOptions& options) {
  Targets t{classes,
            options.ignore_index,
            1 - options.label_smoothing,
            classes == 0 ? 0 : options.label_smoothing / static_cast<double>(classes),
            {},
            0};
  t.weight.assign(static_cast<size_t>(classes), 1);
  if (options.weight.defined()) {
    const Tensor weight = options.weight.to(DType::f64);
    t.weight.assign(weight.data<double>(), weight.data<double>() + classes);
  }
  t.weight_sum = std::accumulate(t.weight.begin(), t.weight.end(), 0.0);
  return t;
}

void check(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& options) {
  check_floating(kOp, logits);
  check_defined(kOp, targets);
  if (logits.rank() != 2) fail<ShapeError>(kOp, "logits must be [n, classes]", logits.shape().to_string());
  const int64_t n = logits.dim(0);
  const int64_t classes = logits.dim(1);
  if (targets.dtype() != DType::i64) {
    fail<DTypeError>(kOp, "targets must be i64 class indices", describe(targets), "convert with .to(DType::i64)");
  }
  if (targets.shape() != Shape({n})) {
    fail<ShapeError>(kOp, fmt::format("targets must be [{}] for logits {}", n, logits.shape().to_string()),
                     targets.shape().to_string());
  }
  if (options.weight.defined()) {
    check_same_floating(kOp, logits, options.weight);
    if (options.weight.shape() != Shape({classes})) {
      fail<ShapeError>(kOp, fmt::format("weight must be [{}], one per class", classes),
                       options.weight.shape().to_string());
    }
    if (!all_finite(options.weight)) fail<ConfigError>(kOp, "weight must be finite", "NaN or an infinity");
  }
  if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1)) {
    fail<ConfigError>(kOp, "label_smoothing must be in [0, 1]", fmt::format("{}", options.label_smoothing));
  }
  const int64_t* const t = targets.data<int64_t>();
  for (int64_t row = 0; row < n; ++row) {
    if (t[row] != options.ignore_index && (t[row] < 0 || t[row] >= classes)) {
      fail<IndexError>(kOp, fmt::format("targets must be in [0, {}) or ignore_index {}", classes, options.ignore_index),
                       fmt::format("row {} has {}", row, t[row]));
    }
  }
}

// Rows of one task: an exponential costs about as much as eight loads.
int64_t row_grain(int64_t classes) {
  return std::max<int64_t>(1, rt::kElementGrain / 8 / std::max<int64_t>(1, classes));
}

// log Σ exp(x), in double: a float near 1000 would leave no digits for the difference to a logit. `scratch` has room
// for a row.
template <class T>
double log_sum_exp(const T* x, int64_t classes, T* scratch) {
  const auto top = static_cast<double>(kernels::largest(classes, x));
  return top + std::log(kernels::exp_minus(classes, x, top, scratch));
}

template <class T>
double row_loss(const Targets& t, const T* x, int64_t target, double lse) {
  // Without smoothing the other classes do not enter, not even as 0 times infinity.
  if (t.rest == 0) return t.q(target, target) * (lse - x[target]);
  double loss = 0;
  for (int64_t c = 0; c < t.classes; ++c) loss += t.q(c, target) * (lse - x[c]);
  return loss;
}

// d loss / d x_c = p_c Σ q - q_c, times the gradient of the row's loss.
template <class T>
void row_backward(const Targets& t, const T* x, int64_t target, double lse, double grad, T* dx) {
  const double q_sum = t.q_sum(target);
  kernels::exp_minus(t.classes, x, lse, dx);
  for (int64_t c = 0; c < t.classes; ++c) {
    dx[c] = static_cast<T>(grad * (static_cast<double>(dx[c]) * q_sum - t.q(c, target)));
  }
}

// What the sum of the rows' losses is divided by.
double denominator(const Targets& t, std::span<const int64_t> targets, Reduction reduction) {
  if (reduction != Reduction::Mean) return 1;
  double sum = 0;
  for (const int64_t target : targets) {
    if (target != t.ignore_index) sum += t.weight[static_cast<size_t>(target)];
  }
  return sum;
}

struct CrossEntropyNode final : Node {
  Input logits{*this, {&logits}};
  SavedTensor index;
  Targets targets;
  std::vector<double> lse;  // per row
  double divisor;

  CrossEntropyNode(const Tensor& index_, Targets targets_, std::vector<double> lse_, double divisor_)
      : index(*this, index_), targets(std::move(targets_)), lse(std::move(lse_)), divisor(divisor_) {}

  std::vector<Tensor> backward(const Tensor& grad) override {
    const int64_t classes = targets.classes;
    Tensor dx = Tensor::empty(logits.shape(), grad.dtype());
    dispatch_floating(grad.dtype(), kOp, [&]<class T>() {
      const T* const x = logits.value().data<T>();
      const T* const g = grad.data<T>();
      const int64_t* const t = index.get().data<int64_t>();
      T* const to = dx.mutable_data<T>();
      const int64_t g_stride = grad.rank() == 0 ? 0 : 1;
      rt::parallel_chunks(index.get().numel(), row_grain(classes), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          if (t[row] == targets.ignore_index) {
            std::fill_n(to + row * classes, classes, T(0));
            continue;
          }
          row_backward(targets, x + row * classes, t[row], lse[static_cast<size_t>(row)], g[row * g_stride] / divisor,
                       to + row * classes);
        }
      });
    });
    return {dx};
  }
};

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& options) {
  check(logits, targets, options);
  const int64_t n = logits.dim(0);
  const int64_t classes = logits.dim(1);
  const Targets rule = make_targets(classes, options);
  const double divisor = denominator(rule, targets.span<int64_t>(), options.reduction);
  std::vector<double> lse(static_cast<size_t>(n));
  std::vector<double> losses(static_cast<size_t>(n));
  const int64_t* const t = targets.data<int64_t>();
  dispatch_floating(logits.dtype(), kOp, [&]<class T>() {
    const T* const x = logits.data<T>();
    rt::parallel_chunks(n, row_grain(classes), [&](int64_t begin, int64_t end) {
      const rt::Scratch scratch(classes * static_cast<int64_t>(sizeof(T)));
      for (int64_t row = begin; row < end; ++row) {
        if (t[row] == rule.ignore_index) continue;
        const auto i = static_cast<size_t>(row);
        lse[i] = log_sum_exp(x + row * classes, classes, reinterpret_cast<T*>(scratch.data()));
        losses[i] = row_loss(rule, x + row * classes, t[row], lse[i]);
      }
    });
  });
  Tensor loss;
  if (options.reduction == Reduction::None) {
    loss = Tensor::from(losses, {n}).to(logits.dtype());
  } else {
    loss = Tensor::full({}, std::accumulate(losses.begin(), losses.end(), 0.0) / divisor, logits.dtype());
  }
  return record<CrossEntropyNode>(kOp, loss, {logits}, targets, rule, std::move(lse), divisor);
}

}  // namespace gossamer
