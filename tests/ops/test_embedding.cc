// Embedding of a dense table and of a CSR one, which is the same table masked.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/error.h"
#include "gossamer/gradcheck.h"
#include "gossamer/ops.h"
#include "gossamer/runtime.h"
#include "ops/csr/embedding.h"
#include "ops/csr/gradient_tap.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/tensors.h"

namespace gossamer::test_embedding {
namespace {

using PatternPtr = std::shared_ptr<const CsrPattern>;

Tensor indices(std::vector<int64_t> values) {
  const auto n = static_cast<int64_t>(values.size());
  return Tensor::from(values, {n});
}

// n indices below `rows`; every other one is one of the first three.
Tensor skewed_indices(int64_t n, int64_t rows) {
  std::vector<int64_t> values;
  for (int64_t i = 0; i < n; ++i) values.push_back(i % 2 == 0 ? i % std::min<int64_t>(3, rows) : i * 7919 % rows);
  return indices(values);
}

PatternPtr pattern_of(int64_t rows, int64_t cols, double density) {
  return CsrPattern::from_mask(random_mask({rows, cols}, 5, density));
}

TEST(Embedding, TakesRowsInAnyShapeOfIndices) {
  const Tensor table = Tensor::from<float>({0, 1, 10, 11, 20, 21}, {3, 2});
  const Tensor y = embedding(Tensor::from<int64_t>({2, 0, 2, 1}, {2, 2}), table);
  golden::expect_equal(y, Tensor::from<float>({20, 21, 0, 1, 20, 21, 10, 11}, {2, 2, 2}));
  EXPECT_EQ(embedding(Tensor::zeros({0, 4}, DType::i64), table).shape(), Shape({0, 4, 2}));
  golden::expect_equal(embedding(Tensor::full({}, 1, DType::i64), table), Tensor::from<float>({10, 11}, {2}));
}

TEST(Embedding, HasTheRightGradients) {
  const Tensor i = indices({3, 0, 3, 1, 3});
  const GradCheckResult dense = gradcheck([&](auto x) { return embedding(i, x[0]); }, {uniform({4, 3}, 1)});
  EXPECT_TRUE(dense) << dense.message;
  for (const double density : {0.0, 0.5, 1.0}) {
    const PatternPtr pattern = pattern_of(4, 3, density);
    const GradCheckResult csr =
        gradcheck([&](auto x) { return csr_embedding(i, {.pattern = pattern, .values = x[0]}, {}); },
                  {uniform({pattern->nnz()}, 2)});
    EXPECT_TRUE(csr) << csr.message;
  }
}

TEST(Embedding, OfACsrTableEqualsTheMaskedDenseOne) {
  for (const double density : {0.0, 0.01, 0.1, 0.5, 1.0}) {
    for (const Shape& size : {Shape({700, 40}), Shape({5, 300}), Shape({1, 1})}) {
      const PatternPtr pattern = pattern_of(size[0], size[1], density);
      const Tensor values = uniform({pattern->nnz()}, 3, DType::f32).set_requires_grad();
      const Tensor table = pattern->dense(values).set_requires_grad();
      const Tensor i = skewed_indices(500, size[0]);
      const Tensor csr = csr_embedding(i, {.pattern = pattern, .values = values}, {.padding_idx = -1});
      const Tensor dense = embedding(i, table, {.padding_idx = -1});
      golden::expect_equal(csr.detach(), dense.detach());
      const Tensor grad = uniform(dense.shape(), 4, DType::f32);
      csr.backward(grad);
      dense.backward(grad);
      golden::expect_equal(values.grad(), pattern->gather(table.grad()));
    }
  }
}

TEST(Embedding, GivesTheSameBitsForAnyNumberOfThreads) {
  const PatternPtr pattern = pattern_of(2000, 50, 0.2);
  const Tensor i = skewed_indices(5000, 2000);
  const auto bits = [&](int threads) {
    std::vector<std::vector<uint32_t>> all;
    with_threads(threads, [&] {
      const Tensor values = uniform({pattern->nnz()}, 3, DType::f32).set_requires_grad();
      const Tensor y = csr_embedding(i, {.pattern = pattern, .values = values}, {});
      y.backward(uniform(y.shape(), 4, DType::f32));
      all = {to_bits(y), to_bits(values.grad())};
    });
    return all;
  };
  const auto one = bits(1);
  for (const int threads : {2, 3, 8}) EXPECT_TRUE(bits(threads) == one) << threads;
}

TEST(Embedding, ShowsAnArmedTapTheDenseGradient) {
  const auto tap = std::make_shared<GradientTap>();
  tap->arm(GradientTap::Retain::Uses);
  const PatternPtr pattern = CsrPattern::from_positions(3, 2, std::vector<int64_t>{0, 3});
  const Tensor values = Tensor::ones({2}).set_requires_grad();
  sum(csr_embedding(indices({1, 1, 2}), {.pattern = pattern, .values = values, .tap = tap}, {})).backward();
  Tensor seen;
  tap->for_each_block(3, 2, [&](int64_t, const Tensor& block) { seen = block.clone(); });
  golden::expect_equal(seen, Tensor::from<float>({0, 0, 2, 2, 1, 1}, {3, 2}));
  golden::expect_equal(values.grad(), Tensor::from<float>({0, 2}, {2}));

  // Of later uses too, which count twice as much; no more is kept than the rows that were used.
  tap->end_step(0.5);
  ASSERT_EQ(tap->past().size(), 1U);
  golden::expect_equal(tap->past()[0].x, indices({1, 2}));
  EXPECT_EQ(tap->past()[0].dy.shape(), Shape({2, 2}));
  sum(csr_embedding(indices({0, 1}), {.pattern = pattern, .values = values, .tap = tap}, {.padding_idx = 0}))
      .backward();
  tap->for_each_block(3, 2, [&](int64_t, const Tensor& block) { seen = block.clone(); });
  golden::expect_equal(seen, Tensor::from<float>({0, 0, 2, 2, 0.5, 0.5}, {3, 2}));
}

TEST(Embedding, RefusesWhatNamesNoRow) {
  const Tensor table = Tensor::zeros({3, 2});
  EXPECT_EQ(message_of<IndexError>([&] {
              embedding(indices({0, 3}), table);
            }),
            "embedding: indices must be in [0, 3); 3");
  message_of<IndexError>([&] { embedding(indices({-1}), table); });
  message_of<IndexError>([&] { embedding(indices({0}), table, {.padding_idx = 3}); });
  message_of<IndexError>([&] { embedding(indices({0}), Tensor::zeros({0, 2})); });
  message_of<DTypeError>([&] { embedding(Tensor::zeros({2}), table); });
  message_of<DTypeError>([&] { embedding(indices({0}), Tensor::zeros({3, 2}, DType::i32)); });
  message_of<ShapeError>([&] { embedding(indices({0}), Tensor::zeros({3})); });
  message_of<StateError>([&] { embedding(Tensor(), table); });
}

}  // namespace
}  // namespace gossamer::test_embedding
