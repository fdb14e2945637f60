// Cross-entropy of logits and probabilities of the classes, in one pass.
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/block_allocator.h"
#include "gossamer/dispatch.h"
#include "ops/loss.h"
#include "runtime/scratch.h"

namespace gossamer {

namespace {

constexpr const char* kOp = "cross_entropy";

// Of a position with targets t: q_c = w_c (hit t_c + rest), and the loss -Σ q_c log p_c.
struct SoftTargets {
  double hit;
  double rest;
  BlockVector<double> weight;  // per class

  template <class T>
  double q(const T* t, size_t c) const {
    return weight[c] * (hit * static_cast<double>(t[c]) + rest);
  }
};

template <class T>
double line_loss(const SoftTargets& rule, const T* x, const T* t, double lse) {
  double loss = 0;
  for (size_t c = 0; c < rule.weight.size(); ++c) {
    const double q = rule.q(t, c);
    // A class that cannot be costs nothing, not even as 0 times infinity.
    if (q != 0) loss += q * (lse - static_cast<double>(x[c]));
  }
  return loss;
}

struct SoftTargetsNode final : Node {
  Input logits{*this, {&logits, &targets}};
  Input targets{*this, {&logits}};
  ClassLines lines;
  SoftTargets rule;
  BlockVector<double> lse;  // per position
  double divisor;

  SoftTargetsNode(const ClassLines& lines_, SoftTargets rule_, BlockVector<double> lse_, double divisor_)
      : lines(lines_), rule(std::move(rule_)), lse(std::move(lse_)), divisor(divisor_) {}

  Gradients backward(const Tensor& grad) override {
    return {logits.gradient([&] {
              // d loss / d x_c = p_c Σ q - q_c
              return map_lines(grad, [&]<class T>(const T* x, const T* t, double line_lse, double g, T* dx) {
                double q_sum = 0;
                for (size_t c = 0; c < rule.weight.size(); ++c) q_sum += rule.q(t, c);
                kernels::exp_minus(lines.classes(), x, line_lse, dx);
                for (size_t c = 0; c < rule.weight.size(); ++c) {
                  dx[c] = static_cast<T>(g * (static_cast<double>(dx[c]) * q_sum - rule.q(t, c)));
                }
              });
            }),
            targets.gradient([&] {
              // d loss / d t_c = -hit w_c log p_c
              return map_lines(grad, [&]<class T>(const T* x, const T*, double line_lse, double g, T* dt) {
                for (size_t c = 0; c < rule.weight.size(); ++c) {
                  dt[c] = static_cast<T>(g * rule.hit * rule.weight[c] * (line_lse - static_cast<double>(x[c])));
                }
              });
            })};
  }

  // f(logits, targets, their log Σ exp, gradient of the loss, out) for every position. Targets are null where they were
  // not kept.
  template <class F>
  Tensor map_lines(const Tensor& grad, F&& f) const {
    Tensor out = Tensor::empty(logits.shape(), grad.dtype());
    const int64_t classes = lines.classes();
    dispatch_floating(grad.dtype(), kOp, [&]<class T>() {
      const T* const x = logits.value().data<T>();
      const T* const t = data_or_null<T>(targets.value());
      const T* const g = grad.data<T>();
      T* const to = out.mutable_data<T>();
      const int64_t g_stride = grad.rank() == 0 ? 0 : 1;
      rt::parallel_chunks(static_cast<int64_t>(lse.size()), lines.grain(), [&](int64_t begin, int64_t end) {
        const rt::Scratch scratch(3 * classes * static_cast<int64_t>(sizeof(T)));
        T* const buffer = reinterpret_cast<T*>(scratch.data());
        for (int64_t i = begin; i < end; ++i) {
          T* const line = lines.target(to, i, buffer);
          f(lines.read(x, i, buffer + classes), t == nullptr ? nullptr : lines.read(t, i, buffer + 2 * classes),
            lse[static_cast<size_t>(i)], static_cast<double>(g[i * g_stride]) / divisor, line);
          lines.write(line, i, to);
        }
      });
    });
    return out;
  }
};

}  // namespace

Tensor cross_entropy_of_probabilities(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& options) {
  check_same_floating(kOp, logits, targets);
  const ClassLines lines(axis_of(logits.shape(), 1));
  const Shape positions = positions_of(logits.shape());
  const int64_t classes = lines.classes();
  const SoftTargets rule{1 - options.label_smoothing,
                         classes == 0 ? 0 : options.label_smoothing / static_cast<double>(classes),
                         class_weights(options.weight, classes)};
  const double divisor = options.reduction == Reduction::Mean ? static_cast<double>(positions.numel()) : 1;
  BlockVector<double> lse(static_cast<size_t>(positions.numel()));
  BlockVector<double> losses(lse.size());
  if (classes > 0) {
    dispatch_floating(logits.dtype(), kOp, [&]<class T>() {
      const T* const x = logits.data<T>();
      const T* const t = targets.data<T>();
      rt::parallel_chunks(positions.numel(), lines.grain(), [&](int64_t begin, int64_t end) {
        const rt::Scratch scratch(2 * classes * static_cast<int64_t>(sizeof(T)));
        T* const buffer = reinterpret_cast<T*>(scratch.data());
        for (int64_t line = begin; line < end; ++line) {
          const auto i = static_cast<size_t>(line);
          const T* const from = lines.read(x, line, buffer);
          lse[i] = log_sum_exp(from, classes);
          losses[i] = line_loss(rule, from, lines.read(t, line, buffer + classes), lse[i]);
        }
      });
    });
  }
  const Tensor loss = reduce_losses(losses, positions, options.reduction, divisor, logits.dtype());
  return record<SoftTargetsNode>(kOp, loss, {logits, targets}, lines, rule, std::move(lse), divisor);
}

}  // namespace gossamer
