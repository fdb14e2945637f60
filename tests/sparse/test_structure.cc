// N:M and block patterns. The published masks are in test_external_masks.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/sparse/set.h"
#include "gossamer/sparse/static.h"
#include "gossamer/sparse/structure.h"
#include "tests/sparse/support.h"

namespace gossamer::sparse::test_structure {
namespace {

using test::contains;
using test::dense_parameter;
using test::mask_string;
using test::uniform;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

std::string bits(const Tensor& mask) {
  std::string text;
  for (const bool kept : mask.span<bool>()) text += kept ? '1' : '0';
  return text;
}

Tensor row(std::initializer_list<float> scores) {
  return Tensor::from<float>(scores, {1, static_cast<int64_t>(scores.size())});
}

TEST(NOfM, KeepsTheHighestOfEachGroupWithTiesToTheLowerIndexAndNanLast) {
  EXPECT_EQ(bits(make_mask_n_of_m(row({1, 3, 2, 4, -1, -3, -2, -4}), {.n = 2, .m = 4})), "01011010");
  EXPECT_EQ(bits(make_mask_n_of_m(row({1, 1, 1, 1, 0, 5, 5, 5}), {.n = 2, .m = 4})), "11000110");
  EXPECT_EQ(bits(make_mask_n_of_m(row({kNaN, -1, kNaN, kNaN}), {.n = 1, .m = 4})), "0100");
  EXPECT_EQ(bits(make_mask_n_of_m(row({kNaN, -1, kNaN, kNaN}), {.n = 3, .m = 4})), "1110");
}

TEST(NOfM, TakesAnyNumberOfAnEmptyAxis) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(make_mask_n_of_m(Tensor::zeros({3, 0}), {.n = 2, .m = kMost}).shape(), Shape({3, 0}));
  EXPECT_THROW(make_mask_n_of_m(Tensor::zeros({3, 4}), {.n = 2, .m = kMost}), ShapeError);
}

TEST(Blocks, LargerThanTheMatrixAreOneBlock) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  const Tensor score = uniform({3, 4}, 1);
  EXPECT_EQ(bits(make_mask_block_topk_sparsity(score, 0, {.rows = kMost, .cols = kMost})), "111111111111");
  EXPECT_EQ(bits(make_mask_block_topk_sparsity(score, 0.5, {.rows = kMost, .cols = kMost})), "000000000000");
  EXPECT_EQ(bits(make_mask_block_topk_sparsity(row({1, 2, 3, 4}), 0.5, {.rows = kMost, .cols = 2})), "0011");
}

TEST(NOfM, HoldsAlongEveryAxisOfRandomShapes) {
  uint64_t key = 0;
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const Shape& shape : {Shape({8}), Shape({4, 12}), Shape({8, 4, 3}), Shape({2, 4, 4, 8})}) {
      for (int axis = -shape.rank(); axis < shape.rank(); ++axis) {
        const int at = axis < 0 ? axis + shape.rank() : axis;
        for (const int64_t m : {int64_t{1}, int64_t{2}, int64_t{4}}) {
          if (shape[at] % m != 0) continue;
          const int64_t n = m / 2;
          const Tensor score = uniform(shape, ++key, dtype);
          const Tensor mask = make_mask_n_of_m(score, {.n = n, .m = m, .axis = axis});
          int64_t stride = 1;
          for (int i = at + 1; i < shape.rank(); ++i) stride *= shape[i];
          const Tensor wide = score.to(DType::f64);
          for (int64_t i = 0; i < score.numel(); ++i) {
            // The rank of an element in its group tells whether it stays.
            const int64_t in_group = i / stride % m;
            int64_t better = 0;
            for (int64_t j = 0; j < m; ++j) {
              better += wide.data<double>()[i + (j - in_group) * stride] > wide.data<double>()[i];
            }
            ASSERT_EQ(mask.data<bool>()[i], better < n) << shape.to_string() << " axis " << axis << " element " << i;
          }
        }
      }
    }
  }
}

TEST(NOfM, MistakesAreErrors) {
  const Tensor score = uniform({4, 6}, 1);
  EXPECT_THROW(make_mask_n_of_m(score, {.n = 3, .m = 2}), ConfigError);
  EXPECT_THROW(make_mask_n_of_m(score, {.n = -1, .m = 2}), ConfigError);
  EXPECT_THROW(make_mask_n_of_m(score, {.n = 0, .m = 0}), ConfigError);
  EXPECT_THROW(make_mask_n_of_m(score, {.n = 1, .m = 2, .axis = 2}), ConfigError);
  EXPECT_TRUE(contains(message_of<ShapeError>([&] { make_mask_n_of_m(score, {}); }), "must divide dimension 1"));
  EXPECT_THROW(make_mask_n_of_m(Tensor::zeros({4}, DType::i64), {}), DTypeError);
  EXPECT_THROW(n_of_m_init({.n = 5, .m = 4}), ConfigError);
}

TEST(NOfM, AsAnInitMethodRanksMagnitudesAndWantsItsOwnSparsity) {
  const Parameter p(Tensor::from<float>({1, -3, 2, -4, -1, 3, 0, 4}, {2, 4}), "w");
  Static algorithm({.sparsity = 0.5, .init_method = n_of_m_init({.n = 2, .m = 4})});
  algorithm.apply({p});
  EXPECT_EQ(mask_string(p), "01010101");
  const Parameter other = dense_parameter("other", {4, 4}, 2);
  Static wrong({.sparsity = 0.6, .init_method = n_of_m_init({.n = 2, .m = 4})});
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { wrong.apply({other}); }), "'other' must be 1 - n / m = 0.5"));
  EXPECT_FALSE(other.is_csr());
}

TEST(Blocks, AreKeptOrDroppedWhole) {
  uint64_t key = 10;
  for (const auto& [rows, cols] : {std::pair<int64_t, int64_t>{1, 1}, {2, 3}, {4, 4}, {100, 100}}) {
    for (const double sparsity : {0.0, 0.3, 0.8, 1.0}) {
      for (const BlockPool pool : {BlockPool::Average, BlockPool::Max}) {
        const Tensor score = uniform({9, 10}, ++key);
        const Tensor mask = make_mask_block_topk_sparsity(score, sparsity, {.rows = rows, .cols = cols, .pool = pool});
        const int64_t across = (10 + cols - 1) / cols;
        std::vector<int64_t> size(static_cast<size_t>((9 + rows - 1) / rows * across));
        std::vector<int64_t> kept(size.size());
        for (int64_t i = 0; i < 90; ++i) {
          const auto block = static_cast<size_t>(i / 10 / rows * across + i % 10 / cols);
          ++size[block];
          kept[block] += mask.data<bool>()[i];
        }
        int64_t whole = 0;
        for (size_t b = 0; b < size.size(); ++b) {
          ASSERT_TRUE(kept[b] == 0 || kept[b] == size[b]);
          whole += kept[b] > 0;
        }
        EXPECT_EQ(whole, num_kept(static_cast<float>(sparsity), static_cast<int64_t>(size.size())));
      }
    }
  }
}

TEST(Blocks, TheBestPooledScoresStayWithTiesToTheLowerBlockAndNanLast) {
  // Blocks of 1 x 2: averages 2, 2, 3, NaN; maxima 4, 2, 3, NaN.
  const Tensor score = Tensor::from<float>({0, 4, 2, 2, 3, 3, kNaN, 9}, {2, 4});
  const auto mask = [&](double sparsity, BlockPool pool) {
    return bits(make_mask_block_topk_sparsity(score, sparsity, {.rows = 1, .cols = 2, .pool = pool}));
  };
  EXPECT_EQ(mask(0.5, BlockPool::Average), "11001100");
  EXPECT_EQ(mask(0.75, BlockPool::Average), "00001100");
  EXPECT_EQ(mask(0.75, BlockPool::Max), "11000000");
  EXPECT_EQ(mask(0.25, BlockPool::Max), "11111100");
}

TEST(Blocks, MistakesAreErrors) {
  const Tensor score = uniform({4, 6}, 1);
  EXPECT_THROW(make_mask_block_topk_sparsity(score, 0.5, {.rows = 0}), ConfigError);
  EXPECT_THROW(make_mask_block_topk_sparsity(score, 0.5, {.cols = -2}), ConfigError);
  EXPECT_THROW(make_mask_block_topk_sparsity(score, 1.5, {}), ConfigError);
  EXPECT_THROW(make_mask_block_topk_sparsity(score, kNaN, {}), ConfigError);
  EXPECT_THROW(make_mask_block_topk_sparsity(Tensor::zeros({4}, DType::i64), 0.5, {}), DTypeError);
  EXPECT_THROW(block_init({.rows = 0}), ConfigError);
}

TEST(Blocks, AsAnInitMethodStartADynamicAlgorithm) {
  const Parameter p(Tensor::from<float>({-9, 9, 1, 1, 9, -9, 1, 1}, {2, 4}), "w");
  SET algorithm({.sparsity = 0.5, .init_method = block_init({.rows = 2, .cols = 2})});
  algorithm.apply({p});
  EXPECT_EQ(mask_string(p), "11001100");
}

}  // namespace
}  // namespace gossamer::sparse::test_structure
