// Negative log-likelihood of class indices.
#include <cstdint>
#include <utility>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/block_allocator.h"
#include "gossamer/dispatch.h"
#include "ops/loss.h"

namespace gossamer {

namespace {

constexpr const char* kOp = "nll_loss";

struct NllLossNode final : Node {
  Input log_p{*this};
  SavedTensor index;
  ClassLines lines;
  int64_t ignore_index;
  BlockVector<double> weight;
  double divisor;

  NllLossNode(const Tensor& index_, const ClassLines& lines_, int64_t ignore_index_, BlockVector<double> weight_,
              double divisor_)
      : index(*this, index_),
        lines(lines_),
        ignore_index(ignore_index_),
        weight(std::move(weight_)),
        divisor(divisor_) {}

  Gradients backward(const Tensor& grad) override {
    Tensor dx = Tensor::zeros(log_p.shape(), grad.dtype());
    dispatch_floating(grad.dtype(), kOp, [&]<class T>() {
      const T* const g = grad.data<T>();
      const int64_t* const t = index.get().data<int64_t>();
      T* const to = dx.mutable_data<T>();
      const int64_t g_stride = grad.rank() == 0 ? 0 : 1;
      rt::parallel_chunks(index.get().numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          if (t[i] == ignore_index) continue;
          const double slope = -weight[static_cast<size_t>(t[i])] / divisor;
          to[lines.at(i) + t[i] * lines.stride()] = static_cast<T>(slope * static_cast<double>(g[i * g_stride]));
        }
      });
    });
    return {dx};
  }
};

}  // namespace

Tensor nll_loss(const Tensor& log_p, const Tensor& targets, const NllLossOptions& options) {
  const ClassLines lines = check_classes(kOp, log_p, options.weight);
  check_class_indices(kOp, log_p, targets, options.ignore_index);
  BlockVector<double> weight = class_weights(options.weight, lines.classes());
  const double divisor = class_divisor(weight, targets.span<int64_t>(), options.ignore_index, options.reduction);
  BlockVector<double> losses(static_cast<size_t>(targets.numel()));
  const int64_t* const t = targets.data<int64_t>();
  dispatch_floating(log_p.dtype(), kOp, [&]<class T>() {
    const T* const x = log_p.data<T>();
    rt::parallel_chunks(targets.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        if (t[i] == options.ignore_index) continue;
        losses[static_cast<size_t>(i)] =
            -weight[static_cast<size_t>(t[i])] * static_cast<double>(x[lines.at(i) + t[i] * lines.stride()]);
      }
    });
  });
  const Tensor loss = reduce_losses(losses, targets.shape(), options.reduction, divisor, log_p.dtype());
  return record<NllLossNode>(kOp, loss, {log_p}, targets, lines, options.ignore_index, std::move(weight), divisor);
}

}  // namespace gossamer
