// Embedding of a parameter, dense and CSR.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/functional.h"
#include "gossamer/ops.h"
#include "tests/parameter/support.h"
#include "tests/support/golden.h"

namespace gossamer::test_embedding {
namespace {

TEST(Embedding, OfACsrParameterEqualsThatOfItsDenseForm) {
  const auto pattern = test::random_pattern(6, 5, 0.4, 1);
  const Parameter csr = Parameter::csr({6, 5}, pattern, test::uniform({pattern->nnz()}, 2, DType::f32));
  const Parameter dense(csr.dense());
  const Tensor indices = Tensor::from<int64_t>({5, 0, 5, 2}, {2, 2});
  const auto run = [&](const Parameter& table) {
    const Tensor rows = embedding(indices, table, {.padding_idx = 0});
    sum(mul(rows, rows)).backward();
    return rows.detach();
  };
  golden::expect_equal(run(csr), run(dense));
  golden::expect_equal(csr.grad(), pattern->gather(dense.grad()));
}

TEST(Embedding, ForwardUsesTheSubsetAndTheGradientCoversThePattern) {
  const auto positions = [](std::vector<int64_t> of) { return CsrPattern::from_positions(2, 2, of); };
  const auto pattern = positions({0, 1, 2});
  const Parameter table = Parameter::csr({2, 2}, pattern, pattern->from_canonical(Tensor::from<float>({1, 2, 3}, {3})));
  table.set_forward_pattern(positions({1, 2}));
  const Tensor rows = embedding(Tensor::from<int64_t>({0, 1}, {2}), table);
  golden::expect_equal(rows.detach(), Tensor::from<float>({0, 2, 3, 0}, {2, 2}));
  sum(rows).backward();
  golden::expect_equal(table.grad(), Tensor::ones({3}));
}

}  // namespace
}  // namespace gossamer::test_embedding
