// Losses of an element and its target. A rule works on a run of elements:
//
//   struct Rule {
//     template <class T> void loss(const Run<T>& run) const;     // y = the losses
//     template <class T> void slope_x(const Run<T>& run) const;  // y = their slopes in x
//     template <class T> void slope_t(const Run<T>& run) const;  // and in t
//   };
//
// Forward with its reduction and backward for both operands follow from it, each in one pass.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/dispatch.h"
#include "gossamer/ops/loss.h"
#include "kernels/elementwise.h"
#include "kernels/reduce.h"
#include "ops/check.h"
#include "runtime/parallel.h"
#include "runtime/scratch.h"

namespace gossamer {

// Elements of a run: what rule and reduction share stays in the L1 cache.
constexpr int64_t kRun = 2048;

// A run of elements: operands, where the result goes, and where the run stands in the tensors.
template <class T>
struct Run {
  int64_t n;
  int64_t first;
  const T* x;
  const T* t;
  T* y;
};

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

  Gradients backward(const Tensor& grad) override {
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
      const T* const w = data_or_null<T>(weight);
      T* const to = out.mutable_data<T>();
      const bool reduced = grad.rank() == 0;
      const T factor = reduced ? static_cast<T>(static_cast<double>(g[0]) / divisor) : T(1);
      rt::parallel_chunks(out.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i += kRun) {
          const int64_t n = std::min(kRun, end - i);
          slopes(Run<T>{n, i, from + i, target + i, to + i});
          kernels::zip(kernels::Binary::Mul, n, {to + i}, {reduced ? &factor : g + i, reduced ? 0 : 1}, to + i);
          if (w != nullptr) kernels::zip(kernels::Binary::Mul, n, {to + i}, {w + i}, to + i);
        }
      });
    });
    return out;
  }
};

// Throws unless x and targets share a floating dtype and a shape.
void check_loss_operands(const char* op, const Tensor& x, const Tensor& targets);

// `weight` for each element of x, called `what`; undefined where it is. Throws unless it has the dtype of x and
// broadcasts to its shape.
Tensor element_weights(const char* op, const char* what, const Tensor& weight, const Tensor& x);

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
    const T* const w = data_or_null<T>(weight);
    T* const to = each ? loss.mutable_data<T>() : nullptr;
    const double sum = rt::parallel_sum(numel, rt::kElementGrain, [&](int64_t begin, int64_t end) {
      const rt::Scratch scratch(each ? 0 : kRun * static_cast<int64_t>(sizeof(T)));
      double part = 0;
      for (int64_t i = begin; i < end; i += kRun) {
        const int64_t n = std::min(kRun, end - i);
        T* const y = each ? to + i : reinterpret_cast<T*>(scratch.data());
        rule.loss(Run<T>{n, i, from + i, target + i, y});
        if (w != nullptr) kernels::zip(kernels::Binary::Mul, n, {y}, {w + i}, y);
        if (!each) part += kernels::sum(n, y);
      }
      return part;
    });
    if (!each) loss = Tensor::full({}, sum / divisor, x.dtype());
  });
  return record<PointwiseLossNode<Rule>>(op, loss, {x, targets}, op, rule, weight, divisor);
}

}  // namespace gossamer
