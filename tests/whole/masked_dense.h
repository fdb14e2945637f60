// CSR training against the training of a dense copy whose pruned weights are zeroed after each step.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "gossamer/gossamer.h"

namespace gossamer::test {

struct MaskedDenseOptions {
  size_t sparse = 0;  // parameters that are CSR
  uint64_t steps = 0;
  float tolerance = 0;  // of a loss, relative
};

// `csr` has its patterns, `dense` the same initial values. make_optimizer(parameters) is called for each,
// make_batch(step) gives .x and .y.
template <class MakeOptimizer, class MakeBatch>
void expect_losses_of_masked_dense(nn::Module& csr, nn::Module& dense, sparse::Group& sparsity,
                                   const MakeOptimizer& make_optimizer, const MakeBatch& make_batch,
                                   const MaskedDenseOptions& options) {
  std::vector<std::pair<Parameter, Tensor>> masked;
  for (size_t i = 0; i < csr.parameters().size(); ++i) {
    const Parameter p = csr.parameters()[i];
    if (!p.is_csr()) continue;
    masked.emplace_back(dense.parameters()[i], p.mask().to(DType::f32));
    ASSERT_LT(p.nnz(), p.numel() / 4);
  }
  ASSERT_EQ(masked.size(), options.sparse);
  const auto apply_masks = [&] {
    const NoGrad no_grad;
    for (auto& [p, mask] : masked) p.values().copy_from(mul(p.values().detach(), mask));
  };
  apply_masks();
  auto csr_optimizer = make_optimizer(csr.parameters());
  auto dense_optimizer = make_optimizer(dense.parameters());
  csr_optimizer.apply(sparsity);
  for (uint64_t step = 0; step < options.steps; ++step) {
    const auto batch = make_batch(step);
    const Tensor csr_loss = cross_entropy(csr(batch.x), batch.y);
    const Tensor dense_loss = cross_entropy(dense(batch.x), batch.y);
    const float expected = dense_loss.item<float>();
    EXPECT_NEAR(csr_loss.item<float>(), expected, options.tolerance * std::abs(expected)) << step;
    csr_optimizer.zero_grad();
    csr_loss.backward();
    csr_optimizer.step();
    dense_optimizer.zero_grad();
    dense_loss.backward();
    dense_optimizer.step();
    apply_masks();
  }
}

}  // namespace gossamer::test
