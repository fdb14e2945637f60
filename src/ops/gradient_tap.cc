#include "ops/gradient_tap.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/blas.h"
#include "runtime/check.h"
#include "tensor/arith.h"
#include "tensor/dispatch.h"

namespace gossamer {

void GradientTap::add_product(const Tensor& x, const Tensor& dy) {
  uses_.push_back({x.detach(), dy.detach(), x.version(), dy.version()});
}

void GradientTap::add_dense(const Tensor& grad) { uses_.push_back({{}, grad.detach(), 0, grad.version()}); }

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
      T beta = 0;
      for (const Use& use : uses_) {
        if (!use.x.defined()) continue;
        rt::gemm<T>({.m = n, .n = cols, .k = use.x.dim(0), .trans_a = rt::Trans::Yes}, {use.dy.data<T>() + row, rows},
                    {use.x.data<T>(), cols}, beta, {block.mutable_data<T>(), cols});
        beta = 1;
      }
      for (const Use& use : uses_) {
        if (use.x.defined()) continue;
        const Tensor part = use.dy.alias({n, cols}, row * cols);
        if (beta == 0) {
          block.copy_from(part);
        } else {
          add_into(block, part);
        }
        beta = 1;
      }
      f(row, block);
    }
  });
}

}  // namespace gossamer
