// Cross-entropy of logits and class indices: log_softmax, the choice of classes and the reduction in one pass.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "gossamer/autograd.h"
#include "gossamer/block_allocator.h"
#include "gossamer/dispatch.h"
#include "ops/loss.h"
#include "runtime/check.h"
#include "runtime/scratch.h"

namespace gossamer {

namespace {

constexpr const char* kOp = "cross_entropy";

// The target distribution of a position of class t: q_c = w_c (hit [c = t] + rest), with class weights w. Its loss is
// -Σ q_c log p_c.
struct Targets {
  int64_t ignore_index;
  double hit;
  double rest;
  BlockVector<double> weight;  // per class
  double weight_sum;

  double hit_of(int64_t target) const { return hit * weight[static_cast<size_t>(target)]; }
  double rest_of(int64_t c) const { return rest * weight[static_cast<size_t>(c)]; }
  double q_sum(int64_t target) const { return hit_of(target) + rest * weight_sum; }
};

Targets make_targets(int64_t classes, const CrossEntropyOptions& options) {
  Targets t{options.ignore_index, 1 - options.label_smoothing,
            classes == 0 ? 0 : options.label_smoothing / static_cast<double>(classes),
            class_weights(options.weight, classes), 0};
  t.weight_sum = std::accumulate(t.weight.begin(), t.weight.end(), 0.0);
  return t;
}

template <class T>
double line_loss(const Targets& t, int64_t classes, const T* x, int64_t target, double lse) {
  // Without smoothing the other classes do not enter, not even as 0 times infinity.
  double loss = t.hit == 0 ? 0 : t.hit_of(target) * (lse - x[target]);
  if (t.rest == 0) return loss;
  for (int64_t c = 0; c < classes; ++c) loss += t.rest_of(c) * (lse - x[c]);
  return loss;
}

// d loss / d x_c = p_c Σ q - q_c, times the gradient of the loss.
template <class T>
void line_backward(const Targets& t, int64_t classes, const T* x, int64_t target, double lse, double grad, T* dx) {
  const double q_sum = t.q_sum(target);
  kernels::exp_minus(classes, x, lse, dx);
  const auto hit = static_cast<double>(dx[target]) * q_sum - t.rest_of(target) - t.hit_of(target);
  if (t.rest == 0) {
    const auto factor = static_cast<T>(grad * q_sum);
    for (int64_t c = 0; c < classes; ++c) dx[c] *= factor;
  } else {
    for (int64_t c = 0; c < classes; ++c) {
      dx[c] = static_cast<T>(grad * (static_cast<double>(dx[c]) * q_sum - t.rest_of(c)));
    }
  }
  dx[target] = static_cast<T>(grad * hit);
}

struct CrossEntropyNode final : Node {
  Input logits{*this, {&logits}};
  SavedTensor index;
  ClassLines lines;
  Targets targets;
  BlockVector<double> lse;  // per position
  double divisor;

  CrossEntropyNode(const Tensor& index_, const ClassLines& lines_, Targets targets_, BlockVector<double> lse_,
                   double divisor_)
      : index(*this, index_), lines(lines_), targets(std::move(targets_)), lse(std::move(lse_)), divisor(divisor_) {}

  Gradients backward(const Tensor& grad) override {
    const int64_t classes = lines.classes();
    Tensor dx = Tensor::empty(logits.shape(), grad.dtype());
    dispatch_floating(grad.dtype(), kOp, [&]<class T>() {
      const T* const x = logits.value().data<T>();
      const T* const g = grad.data<T>();
      const int64_t* const t = index.get().data<int64_t>();
      T* const to = dx.mutable_data<T>();
      const int64_t g_stride = grad.rank() == 0 ? 0 : 1;
      rt::parallel_chunks(index.get().numel(), lines.grain(), [&](int64_t begin, int64_t end) {
        const rt::Scratch scratch(lines.stride() == 1 ? 0 : classes * static_cast<int64_t>(sizeof(T)));
        T* const buffer = reinterpret_cast<T*>(scratch.data());
        for (int64_t i = begin; i < end; ++i) {
          T* const line = lines.target(to, i, buffer);
          if (t[i] == targets.ignore_index) {
            std::fill_n(line, classes, T(0));
          } else {
            line_backward(targets, classes, lines.read(x, i, buffer), t[i], lse[static_cast<size_t>(i)],
                          g[i * g_stride] / divisor, line);
          }
          lines.write(line, i, to);
        }
      });
    });
    return {dx};
  }
};

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& options) {
  const ClassLines lines = check_classes(kOp, logits, options.weight);
  if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1)) {
    fail<ConfigError>(kOp, "label_smoothing must be in [0, 1]", fmt::format("{}", options.label_smoothing));
  }
  check_defined(kOp, targets);
  const bool probabilities = is_floating(targets.dtype()) && targets.shape() == logits.shape();
  if (probabilities) return cross_entropy_of_probabilities(logits, targets, options);
  check_class_indices(kOp, logits, targets, options.ignore_index);

  const int64_t classes = lines.classes();
  const Targets rule = make_targets(classes, options);
  const double divisor = class_divisor(rule.weight, targets.span<int64_t>(), options.ignore_index, options.reduction);
  BlockVector<double> lse(static_cast<size_t>(targets.numel()));
  BlockVector<double> losses(lse.size());
  const int64_t* const t = targets.data<int64_t>();
  dispatch_floating(logits.dtype(), kOp, [&]<class T>() {
    const T* const x = logits.data<T>();
    rt::parallel_chunks(targets.numel(), lines.grain(), [&](int64_t begin, int64_t end) {
      const rt::Scratch scratch(lines.stride() == 1 ? 0 : classes * static_cast<int64_t>(sizeof(T)));
      T* const buffer = reinterpret_cast<T*>(scratch.data());
      for (int64_t line = begin; line < end; ++line) {
        if (t[line] == rule.ignore_index) continue;
        const auto i = static_cast<size_t>(line);
        const T* const from = lines.read(x, line, buffer);
        lse[i] = log_sum_exp(from, classes);
        losses[i] = line_loss(rule, classes, from, t[line], lse[i]);
      }
    });
  });
  const Tensor loss = reduce_losses(losses, targets.shape(), options.reduction, divisor, logits.dtype());
  return record<CrossEntropyNode>(kOp, loss, {logits}, targets, lines, rule, std::move(lse), divisor);
}

}  // namespace gossamer
