// reshape, slice, transpose and permute: what is shared, what is copied, values and errors.
#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/ops.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/tensors.h"

namespace gossamer::test_view {
namespace {

// 0, 1, 2, ...
Tensor counting(const Shape& shape, DType dtype = DType::f32) {
  std::vector<int64_t> values(static_cast<size_t>(shape.numel()));
  std::iota(values.begin(), values.end(), 0);
  return Tensor::from(values, shape).to(dtype);
}

TEST(Reshape, IsAViewWithTheSameElements) {
  const Tensor x = counting({2, 6});
  const Tensor y = reshape(x, {3, 4});
  EXPECT_TRUE(y.shares_storage_with(x));
  EXPECT_EQ(y.shape(), Shape({3, 4}));
  EXPECT_EQ(y.data<float>(), x.data<float>());
}

TEST(Reshape, DeducesTheSizeGivenAsMinusOne) {
  const Tensor x = counting({2, 6});
  EXPECT_EQ(reshape(x, {-1}).shape(), Shape({12}));
  EXPECT_EQ(reshape(x, {4, -1}).shape(), Shape({4, 3}));
  EXPECT_EQ(reshape(x, {-1, 2, 3}).shape(), Shape({2, 2, 3}));
  EXPECT_EQ(reshape(Tensor::zeros({0, 3}), {-1, 3}).shape(), Shape({0, 3}));
}

TEST(Reshape, RefusesSizesThatDoNotFit) {
  const Tensor x = counting({2, 6});
  EXPECT_NE(message_of<ShapeError>([&] {
              reshape(x, {5, 2});
            }).find("12 elements of [2, 6] for [5, 2]"),
            std::string::npos);
  EXPECT_NE(message_of<ShapeError>([&] { reshape(x, {5, -1}); }).find("for [5, -1]"), std::string::npos);
  EXPECT_NE(message_of<ShapeError>([&] { reshape(x, {-1, -1}); }).find("at most one"), std::string::npos);
  message_of<ShapeError>([&] { reshape(x, {-2, 6}); });
  message_of<ShapeError>([] { reshape(Tensor::zeros({0}), {0, -1}); });
  message_of<StateError>([] { reshape(Tensor(), {1}); });
}

TEST(Slice, OfRowsIsAView) {
  const Tensor x = counting({5, 2});
  const Tensor y = slice(x, 1, -1);
  EXPECT_TRUE(y.shares_storage_with(x));
  golden::expect_equal(y, Tensor::from<float>({2, 3, 4, 5, 6, 7}, {3, 2}));
  EXPECT_EQ(slice(x, 2, 2).shape(), Shape({0, 2}));
  EXPECT_EQ(slice(x, 5, 5).shape(), Shape({0, 2}));
}

TEST(Slice, OfADimensionIsACopyWithAStep) {
  const Tensor x = counting({2, 5, 2}, DType::i64);
  const Tensor y = slice(x, {.dim = 1, .begin = 1, .end = 5, .step = 3});
  EXPECT_FALSE(y.shares_storage_with(x));
  golden::expect_equal(y, Tensor::from<int64_t>({2, 3, 8, 9, 12, 13, 18, 19}, {2, 2, 2}));
  EXPECT_EQ(slice(x, {.dim = -1, .begin = 0, .end = 0}).shape(), Shape({2, 5, 0}));
}

TEST(Slice, GoesToTheEndWhereNoneIsNamedAndCountsNegativeBoundsFromThere) {
  const Tensor x = counting({2, 4});
  golden::expect_equal(slice(x, {.dim = 1}), x);
  golden::expect_equal(slice(x, {.dim = 1, .begin = -2}), Tensor::from<float>({2, 3, 6, 7}, {2, 2}));
  golden::expect_equal(slice(x, {.dim = 1, .begin = 1, .end = -1}), Tensor::from<float>({1, 2, 5, 6}, {2, 2}));
  EXPECT_NE(message_of<ShapeError>([&] { slice(x, {.dim = 1, .begin = 5}); }).find("[5, 4) of dimension 1"),
            std::string::npos);
  message_of<ShapeError>([&] { slice(x, {.dim = 1, .begin = -5}); });
  message_of<ShapeError>([&] { slice(x, {.dim = 1, .end = 5}); });
}

TEST(Slice, TakesTheFirstElementAloneWithAStepBeyondTheEnd) {
  const Tensor x = Tensor::from<float>({1, 2, 3}, {3});
  for (const int64_t step : {int64_t{3}, INT64_MAX}) {
    golden::expect_equal(slice(x, {.dim = 0, .begin = 1, .end = 3, .step = step}), Tensor::from<float>({2}, {1}));
    EXPECT_EQ(slice(x, {.dim = 0, .begin = 2, .end = 2, .step = step}).numel(), 0);
  }
  message_of<ShapeError>([&] { slice(x, INT64_MIN, 2); });
  message_of<ShapeError>([&] { slice(x, 0, INT64_MAX); });
}

TEST(View, OfAnEmptyTensorRefusesSizesWhosePartsDoNotFit) {
  constexpr int64_t kHuge = int64_t{1} << 40;
  const Tensor x = Tensor::zeros({0, kHuge, kHuge});
  message_of<ShapeError>([&] { slice(x, 0, 0); });
  message_of<ShapeError>([&] { slice(x, {.dim = 0, .begin = 0, .end = 0}); });
  message_of<ShapeError>([&] { transpose(x, 0, 2); });
  EXPECT_EQ(add(x, Tensor::zeros({1, 1, 1})).shape(), x.shape());
}

TEST(Slice, RefusesBoundsOutsideTheDimension) {
  const Tensor x = counting({4, 3});
  EXPECT_NE(message_of<ShapeError>([&] { slice(x, 0, 5); }).find("[0, 5) of dimension 0 of [4, 3]"), std::string::npos);
  message_of<ShapeError>([&] { slice(x, -5, 2); });
  message_of<ShapeError>([&] { slice(x, 3, 2); });
  message_of<ShapeError>([&] { slice(x, {.dim = 2, .begin = 0, .end = 1}); });
  EXPECT_NE(message_of<ConfigError>([&] { slice(x, {.dim = 1, .begin = 0, .end = 3, .step = 0}); }).find("step"),
            std::string::npos);
  EXPECT_NE(message_of<ShapeError>([] { slice(Tensor::zeros({}), 0, 1); }).find("rank 0"), std::string::npos);
}

TEST(Slice, AnInPlaceWriteToAViewOfASavedTensorIsSeen) {
  Tensor x = uniform({4, 2}, 1).set_requires_grad();
  Tensor y = mul_scalar(x, 2);
  Tensor part = slice(y.detach(), 0, 1);
  const Tensor loss = sum(mul(y, y));
  part.fill(7);
  message_of<StateError>([&] { loss.backward(); });
  EXPECT_FALSE(x.grad().defined());
}

TEST(Transpose, ExchangesTwoDimensions) {
  golden::expect_equal(transpose(counting({2, 3}), 0, 1), Tensor::from<float>({0, 3, 1, 4, 2, 5}, {3, 2}));
  const Tensor x = counting({3, 40, 2, 70});
  const Tensor y = transpose(x, 3, 1);
  ASSERT_EQ(y.shape(), Shape({3, 70, 2, 40}));
  for (int64_t a = 0; a < 3; ++a) {
    for (int64_t i = 0; i < 40; ++i) {
      for (int64_t b = 0; b < 2; ++b) {
        for (int64_t j = 0; j < 70; ++j) {
          ASSERT_EQ(y.data<float>()[((a * 70 + j) * 2 + b) * 40 + i], x.data<float>()[((a * 40 + i) * 2 + b) * 70 + j]);
        }
      }
    }
  }
}

TEST(Transpose, TakesAnyDtypeAndEmptyTensors) {
  golden::expect_equal(transpose(Tensor::from<bool>({true, false, false, true, true, false}, {2, 3}), 0, 1),
                       Tensor::from<bool>({true, true, false, true, false, false}, {3, 2}));
  EXPECT_EQ(transpose(Tensor::zeros({0, 3}), 0, 1).shape(), Shape({3, 0}));
  EXPECT_EQ(transpose(Tensor::zeros({3, 0, 2}), 0, -1).shape(), Shape({2, 0, 3}));
}

TEST(Transpose, OfADimensionWithItselfIsACopy) {
  const Tensor x = counting({2, 3});
  const Tensor y = transpose(x, 1, -1);
  EXPECT_FALSE(y.shares_storage_with(x));
  golden::expect_equal(y, x);
}

TEST(Transpose, RefusesDimensionsOutsideTheRank) {
  EXPECT_NE(message_of<ShapeError>([] {
              transpose(Tensor::zeros({2, 3}), 0, 2);
            }).find("dimension 2 of [2, 3]"),
            std::string::npos);
  message_of<ShapeError>([] { transpose(Tensor::zeros({2, 3}), -3, 0); });
}

TEST(Permute, PutsEveryElementWhereItsIndexGoes) {
  const Tensor x = counting({2, 3, 4, 5});
  const Tensor y = permute(x, {2, 0, -1, 1});
  ASSERT_EQ(y.shape(), Shape({4, 2, 5, 3}));
  for (int64_t a = 0; a < 2; ++a) {
    for (int64_t b = 0; b < 3; ++b) {
      for (int64_t c = 0; c < 4; ++c) {
        for (int64_t d = 0; d < 5; ++d) {
          EXPECT_EQ(y.data<float>()[((c * 2 + a) * 5 + d) * 3 + b], x.data<float>()[((a * 3 + b) * 4 + c) * 5 + d]);
        }
      }
    }
  }
  golden::expect_equal(permute(x, {0, 1, 2, 3}), x);
  EXPECT_EQ(permute(counting({2, 0, 3}), {1, 2, 0}).shape(), Shape({0, 3, 2}));
}

TEST(Permute, RefusesDimensionsThatAreNotEachNamedOnce) {
  const Tensor x = counting({2, 3});
  message_of<ShapeError>([&] { permute(x, {0}); });
  message_of<ShapeError>([&] { permute(x, {0, 0}); });
  message_of<ShapeError>([&] { permute(x, {0, 1, 1}); });
  message_of<ShapeError>([&] { permute(x, {0, 2}); });
}

}  // namespace
}  // namespace gossamer::test_view
