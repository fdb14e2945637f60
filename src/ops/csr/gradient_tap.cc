#include "ops/csr/gradient_tap.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "runtime/blas.h"
#include "runtime/check.h"
#include "runtime/processes.h"
#include "tensor/dispatch.h"

namespace gossamer {

void GradientTap::add_product(const Tensor& x, const Tensor& dy) {
  uses_.push_back({x.detach(), dy.detach(), x.version(), dy.version(), step_});
}

void GradientTap::add_dense(const Tensor& grad) { uses_.push_back({{}, grad.detach(), 0, grad.version(), step_}); }

void GradientTap::clear() {
  std::erase_if(uses_, [&](const Use& use) { return use.step == step_; });
}

std::vector<GradientTap::Past> GradientTap::past() const {
  std::vector<Past> past;
  for (const Use& use : uses_) {
    if (use.step < step_) past.push_back({step_ - use.step, use.x, use.dy});
  }
  return past;
}

void GradientTap::restore(const std::vector<Past>& past, double decay) {
  uses_.clear();
  decay_ = decay;
  for (const auto& [age, x, dy] : past) uses_.push_back({x, dy, x.version(), dy.version(), step_ - age});
}

void GradientTap::check_unwritten(std::string_view parameter) const {
  for (const Use& use : uses_) {
    if (use.x.version() != use.x_version || use.dy.version() != use.dy_version) {
      fail<StateError>(fmt::format("dense gradient of '{}'", parameter),
                       "the layer's input must not be written between backward and update", "it was",
                       "give each batch its own tensor, or call update() first");
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
      for (size_t i = 0; i < uses_.size(); ++i) {
        const Use& use = uses_[i];
        if (i > 0) beta = static_cast<T>(std::pow(decay_, use.step - uses_[i - 1].step));
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

}  // namespace gossamer
