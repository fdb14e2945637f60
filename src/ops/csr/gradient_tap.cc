#include "ops/csr/gradient_tap.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "autograd/meta.h"
#include "gossamer/csr_pattern.h"
#include "gossamer/dispatch.h"
#include "ops/csr/use.h"
#include "runtime/blas.h"
#include "runtime/check.h"
#include "runtime/processes.h"
#include "tensor/arith.h"
#include "tensor/csr/walk.h"

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

void GradientTap::add_rows(const Tensor& rows, const Tensor& grads) {
  add({rows.detach(), grads.detach(), rows.version(), grads.version(), 0});
}

void GradientTap::add_formed(const Tensor& x, const Tensor& dy, const Shape& weight, FormRows form) {
  add({x.detach(), dy.detach(), x.version(), dy.version(), 0, weight, std::move(form)});
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
    if (use.step >= step_) continue;
    if (!use.form) {
      past.push_back({step_ - use.step, use.x, use.dy});
      continue;
    }
    Tensor dense = Tensor::empty(use.weight, use.dy.dtype());
    const MatrixSize size = as_matrix(use.weight);
    Tensor rows = dense.alias({size.rows, size.cols});
    use.form(use.x, use.dy, 0, rows);
    past.push_back({step_ - use.step, {}, dense});
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

// block = beta block + the part of the use from row `row_begin` on. beta 0 overwrites, whatever the scratch holds.
template <class T>
void GradientTap::add_block(const Use& use, int64_t rows, int64_t row_begin, T beta, Tensor& block) {
  const int64_t n = block.dim(0);
  const int64_t cols = block.dim(1);
  T* const sum = block.mutable_data<T>();
  if (!use.form && use.x.defined() && use.x.dtype() != DType::i64) {
    rt::gemm<T>({.m = n, .n = cols, .k = use.x.dim(0), .trans_a = rt::Trans::Yes}, {use.dy.data<T>() + row_begin, rows},
                {use.x.data<T>(), cols}, beta, {sum, cols});
    return;
  }
  if (use.form || !use.x.defined()) {
    Tensor formed;
    if (use.form) {
      formed = Tensor::empty({n, cols}, block.dtype());
      use.form(use.x, use.dy, row_begin, formed);
    }
    const T* const part = use.form ? std::as_const(formed).template data<T>() : use.dy.data<T>() + row_begin * cols;
    for (int64_t j = 0; j < n * cols; ++j) sum[j] = (beta == 0 ? 0 : beta * sum[j]) + part[j];
    return;
  }
  for (int64_t j = 0; j < n * cols; ++j) sum[j] = beta == 0 ? 0 : beta * sum[j];
  const auto used = use.x.span<int64_t>();
  for (size_t i = 0; i < used.size(); ++i) {
    const int64_t row = used[i] - row_begin;
    if (row < 0 || row >= n) continue;
    const T* const part = use.dy.data<T>() + static_cast<int64_t>(i) * cols;
    for (int64_t j = 0; j < cols; ++j) sum[row * cols + j] += part[j];
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
        add_block<T>(use, rows, row, beta, block);
      }
      rt::sum_over_processes(std::span(block.mutable_data<T>(), static_cast<size_t>(block.numel())));
      f(row, block);
    }
  });
}

// Of a use that is no product: block by block, of which the positions are kept.
Tensor GradientTap::picked(const Use& use, const CsrPattern& pattern) {
  const int64_t rows = pattern.rows();
  const int64_t cols = pattern.cols();
  Tensor values = Tensor::empty({pattern.nnz()}, use.dy.dtype());
  if (pattern.nnz() == 0) return values;
  CsrWalk walk(pattern);
  dispatch_floating(values.dtype(), "growth by gradient", [&]<class T>() {
    T* const to = values.mutable_data<T>();
    const int64_t block_rows = std::clamp<int64_t>(kBlockBytes / (cols * static_cast<int64_t>(sizeof(T))), 1, rows);
    Tensor scratch = Tensor::empty({block_rows, cols}, values.dtype());
    for (int64_t first = 0; first < rows; first += block_rows) {
      const int64_t n = std::min(block_rows, rows - first);
      Tensor block = scratch.alias({n, cols});
      add_block<T>(use, rows, first, T(0), block);
      const T* const from = std::as_const(block).template data<T>();
      for (int64_t row = first; row < first + n; ++row) {
        walk.load_row(row);
        walk.for_each_of_row(row, [&](const SlotPosition& p) { to[p.slot] = from[(row - first) * cols + p.col]; });
      }
    }
  });
  return values;
}

Tensor GradientTap::gradient_at(const std::shared_ptr<const CsrPattern>& pattern) const {
  Tensor sum;
  for (const Use& use : uses_) {
    Tensor part;
    if (use.form || (use.x.defined() && use.x.dtype() == DType::i64)) {
      part = picked(use, *pattern);
    } else if (use.x.defined()) {
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
