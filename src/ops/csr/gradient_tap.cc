#include "ops/csr/gradient_tap.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "autograd/meta.h"
#include "ops/csr/use.h"
#include "runtime/blas.h"
#include "runtime/check.h"
#include "runtime/processes.h"
#include "tensor/arith.h"
#include "tensor/dispatch.h"

namespace gossamer {

// Made while the walk may still fail, spliced in when it cannot.
class GradientTap::AddUse final : public autograd::Effect {
 public:
  AddUse(std::shared_ptr<GradientTap> tap, Use use) : tap_(std::move(tap)) {
    if (tap_->retains()) use_.push_back(std::move(use));
  }
  void commit() noexcept override {
    tap_->note_use();
    if (use_.empty()) {
      tap_->complete_ = false;
      return;
    }
    use_.front().step = tap_->step_;
    tap_->uses_.splice(tap_->uses_.end(), use_);
  }

 private:
  std::shared_ptr<GradientTap> tap_;
  std::list<Use> use_;
};

void GradientTap::add(Use use) {
  if (retain_ == Retain::Nothing) return;
  autograd::at_end_of_walk(std::make_unique<AddUse>(shared_from_this(), std::move(use)));
}

void GradientTap::add_product(const Tensor& x, const Tensor& dy) {
  add({x.detach(), dy.detach(), x.version(), dy.version(), 0});
}

void GradientTap::add_dense(const Tensor& grad) { add({{}, grad.detach(), 0, grad.version(), 0}); }

void GradientTap::note_use() noexcept {
  if (!stepped_) return;
  sums_over_steps_ = true;
  across_steps_ = true;
}

void GradientTap::clear() {
  uses_.remove_if([&](const Use& use) { return use.step == step_; });
  if (stepped_ && !sums_over_steps_) across_steps_ = false;
  stepped_ = false;
  complete_ = true;
}

void GradientTap::forget() {
  uses_.clear();
  sums_ = nullptr;
  clear();
}

void GradientTap::end_step_of_sum(Retain next) noexcept {
  retain_ = next;
  stepped_ = true;
  if (retains()) return;
  if (!uses_.empty()) complete_ = false;
  uses_.clear();
}

std::vector<GradientTap::Past> GradientTap::past() const {
  std::vector<Past> past;
  for (const Use& use : uses_) {
    if (use.step < step_) past.push_back({step_ - use.step, use.x, use.dy});
  }
  return past;
}

GradientTap GradientTap::restored(const std::vector<Past>& past, double decay) const {
  GradientTap tap = *this;
  tap.forget();
  tap.decay_ = decay;
  for (const auto& [age, x, dy] : past) tap.uses_.push_back({x, dy, x.version(), dy.version(), step_ - age});
  return tap;
}

void GradientTap::check(std::string_view parameter) const {
  if (!complete_) {
    fail<StateError>(
        fmt::format("dense gradient of '{}'", parameter), "backward must have retained its factors since zero_grad()",
        "it did not, since zero_grad() had come between all steps before", "call zero_grad() and run backward again");
  }
  for (const Use& use : uses_) {
    if (use.x.version() != use.x_version || use.dy.version() != use.dy_version) {
      fail<StateError>(fmt::format("dense gradient of '{}'", parameter),
                       "the layer's input must not be written between backward and update", "it was",
                       "give each batch its own tensor; here, call zero_grad() and run backward again");
    }
  }
}

void GradientTap::for_each_block(int64_t rows, int64_t cols,
                                 const std::function<void(int64_t, const Tensor&)>& f) const {
  if (uses_.empty() || rows == 0 || cols == 0) return;
  const DType dtype = uses_.front().dy.dtype();
  const int64_t block_rows = std::clamp<int64_t>(kBlockBytes / (cols * dtype_size(dtype)), 1, rows);
  dispatch_floating(dtype, "growth by gradient", [&]<class T>() {
    Tensor scratch = Tensor::empty({block_rows, cols}, dtype);
    for (int64_t row = 0; row < rows; row += block_rows) {
      const int64_t n = std::min(block_rows, rows - row);
      Tensor block = scratch.alias({n, cols});
      // Oldest first: the sum so far decays by the steps between one use and the next.
      T beta = 0;
      const Use* before = nullptr;
      for (const Use& use : uses_) {
        if (before != nullptr) beta = static_cast<T>(std::pow(decay_, use.step - before->step));
        before = &use;
        if (use.x.defined()) {
          rt::gemm<T>({.m = n, .n = cols, .k = use.x.dim(0), .trans_a = rt::Trans::Yes}, {use.dy.data<T>() + row, rows},
                      {use.x.data<T>(), cols}, beta, {block.mutable_data<T>(), cols});
          continue;
        }
        const T* part = use.dy.data<T>() + row * cols;
        T* sum = block.mutable_data<T>();
        // beta 0 overwrites, whatever the scratch holds.
        for (int64_t j = 0; j < n * cols; ++j) sum[j] = (beta == 0 ? 0 : beta * sum[j]) + part[j];
      }
      rt::sum_over_processes(std::span(block.mutable_data<T>(), static_cast<size_t>(block.numel())));
      f(row, block);
    }
  });
}

Tensor GradientTap::gradient_at(const std::shared_ptr<const CsrPattern>& pattern) const {
  Tensor sum;
  for (const Use& use : uses_) {
    Tensor part;
    if (use.x.defined()) {
      const CsrUse product({.pattern = pattern, .values = {}}, use.x);
      const Tensor x = product.packs_once() ? product.pack(use.x) : use.x;
      part = product.gradients({}, x, product.pack_gradient(use.dy)).dvalues;
    } else {
      part = pattern->gather(use.dy);
    }
    if (sum.defined()) {
      add_into(sum, part);
    } else {
      sum = std::move(part);
    }
  }
  dispatch_floating(sum.dtype(), "growth by gradient", [&]<class T>() {
    rt::sum_over_processes(std::span(sum.mutable_data<T>(), static_cast<size_t>(sum.numel())));
  });
  return sum;
}

}  // namespace gossamer
