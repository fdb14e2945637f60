// Views of other ranks, repetition, flip, roll, pad, triangles and arange: values and errors.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/ops.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/tensors.h"

namespace gossamer::test_rearrange {
namespace {

Tensor counting(const Shape& shape, DType dtype = DType::f32) {
  return reshape(arange({.end = static_cast<double>(shape.numel())}), shape).to(dtype);
}

Tensor line(std::initializer_list<float> values) { return Tensor::from(values, {static_cast<int64_t>(values.size())}); }

TEST(OtherRanks, AreViews) {
  const Tensor x = counting({1, 2, 1, 3}, DType::i32);
  const auto expect = [&](const Tensor& y, const Shape& shape) {
    EXPECT_TRUE(y.shares_storage_with(x));
    EXPECT_EQ(y.shape(), shape);
  };
  expect(squeeze(x), {2, 3});
  expect(squeeze(x, 0), {2, 1, 3});
  expect(squeeze(x, -2), {1, 2, 3});
  expect(squeeze(x, 1), {1, 2, 1, 3});
  expect(unsqueeze(x, 0), {1, 1, 2, 1, 3});
  expect(unsqueeze(x, -1), {1, 2, 1, 3, 1});
  expect(unsqueeze(x, 4), {1, 2, 1, 3, 1});
  expect(flatten(x), {6});
  expect(flatten(x, {.start_dim = 1, .end_dim = -2}), {1, 2, 3});
  EXPECT_EQ(flatten(Tensor::ones({})).shape(), Shape({1}));
  EXPECT_EQ(squeeze(Tensor::ones({1, 1})).shape(), Shape({}));
  EXPECT_EQ(unsqueeze(Tensor::ones({}), 0).shape(), Shape({1}));
}

TEST(Expand, RepeatsSizesOfOneAndAddsDimensions) {
  golden::expect_equal(expand(line({1, 2}), {2, -1}), Tensor::from<float>({1, 2, 1, 2}, {2, 2}));
  golden::expect_equal(expand(Tensor::from<bool>({true, false}, {2, 1}), {-1, 2}),
                       Tensor::from<bool>({true, true, false, false}, {2, 2}));
  EXPECT_EQ(expand(Tensor::ones({1, 3}), {0, 3}).shape(), Shape({0, 3}));
  EXPECT_FALSE(expand(line({1, 2}), {2}).shares_storage_with(line({1, 2})));
}

TEST(Expand, ShrinksNothing) {
  EXPECT_EQ(message_of<ShapeError>([] {
              expand(Tensor::ones({2, 3}), {3});
            }),
            "expand: only new dimensions and those of size 1 can grow; [2, 3] for [3]");
  message_of<ShapeError>([] { expand(Tensor::ones({3}), {1}); });
  message_of<ShapeError>([] { expand(Tensor::ones({3}), {-1, 3}); });
}

TEST(Repeat, TilesEachDimension) {
  golden::expect_equal(repeat(counting({2, 2}), {1, 2}), Tensor::from<float>({0, 1, 0, 1, 2, 3, 2, 3}, {2, 4}));
  golden::expect_equal(repeat(line({1, 2}), {2, 2}), Tensor::from<float>({1, 2, 1, 2, 1, 2, 1, 2}, {2, 4}));
  EXPECT_EQ(repeat(counting({2, 2}), {3, 0}).shape(), Shape({6, 0}));
  const Tensor x = counting({2, 1});
  EXPECT_FALSE(repeat(x, {1, 1}).shares_storage_with(x));
  Tensor leaf = counting({2, 1}).set_requires_grad();
  repeat(leaf, {2, 1, 2}).backward(reshape(counting({8}), {2, 2, 2}));
  golden::expect_equal(leaf.grad(), Tensor::from<float>({0 + 1 + 4 + 5, 2 + 3 + 6 + 7}, {2, 1}));
}

TEST(Flip, ReversesTheDimensionsNamed) {
  const Tensor x = counting({2, 3}, DType::i64);
  golden::expect_equal(flip(x, {1}), Tensor::from<int64_t>({2, 1, 0, 5, 4, 3}, {2, 3}));
  golden::expect_equal(flip(x, {0}), Tensor::from<int64_t>({3, 4, 5, 0, 1, 2}, {2, 3}));
  golden::expect_equal(flip(x, {-1, -2}), Tensor::from<int64_t>({5, 4, 3, 2, 1, 0}, {2, 3}));
  golden::expect_equal(flip(x, {}), x);
  const Tensor large = counting({70000});
  golden::expect_equal(flip(large, {0}), arange({.start = 69999, .end = -1, .step = -1}));
}

TEST(Roll, MovesRoundTheEnd) {
  const Tensor x = counting({5});
  golden::expect_equal(roll(x, 2, 0), line({3, 4, 0, 1, 2}));
  golden::expect_equal(roll(x, -1, 0), line({1, 2, 3, 4, 0}));
  golden::expect_equal(roll(x, 12, -1), line({3, 4, 0, 1, 2}));
  golden::expect_equal(roll(x, INT64_MIN, 0), roll(x, INT64_MIN % 5, 0));
  golden::expect_equal(roll(counting({2, 2, 2}), 1, 1), Tensor::from<float>({2, 3, 0, 1, 6, 7, 4, 5}, {2, 2, 2}));
}

TEST(Pad, PutsTheValueAround) {
  const Tensor x = counting({2, 2}, DType::i32);
  golden::expect_equal(pad(x, {{.dim = 0, .before = 1}, {.dim = -1, .after = 1}}, {.value = 7}),
                       Tensor::from<int32_t>({7, 7, 7, 0, 1, 7, 2, 3, 7}, {3, 3}));
  golden::expect_equal(pad(x, {}), x);
  golden::expect_equal(pad(Tensor::ones({0}), {{.before = 2}}), line({0, 0}));
  // Against the definition, element by element.
  const Tensor y =
      pad(counting({3, 2, 4, 2}), {{.dim = 2, .before = 2, .after = 1}, {.dim = 1, .before = 1}}, {.value = -1});
  ASSERT_EQ(y.shape(), Shape({3, 3, 7, 2}));
  for (int64_t i = 0; i < y.numel(); ++i) {
    const int64_t a = i / 42, b = i / 14 % 3 - 1, c = i / 2 % 7 - 2, d = i % 2;
    const bool inside = b >= 0 && c >= 0 && c < 4;
    EXPECT_EQ(y.data<float>()[i], inside ? static_cast<float>(((a * 2 + b) * 4 + c) * 2 + d) : -1);
  }
}

TEST(Pad, TakesElementsOfTheTensor) {
  const Tensor x = line({1, 2, 3});
  const auto padded = [&](PadMode mode) { return pad(x, {{.before = 2, .after = 2}}, {.mode = mode}); };
  golden::expect_equal(padded(PadMode::Reflect), line({3, 2, 1, 2, 3, 2, 1}));
  golden::expect_equal(padded(PadMode::Replicate), line({1, 1, 1, 2, 3, 3, 3}));
  golden::expect_equal(padded(PadMode::Circular), line({2, 3, 1, 2, 3, 1, 2}));
}

TEST(Triangles, KeepTheirSideOfTheDiagonal) {
  const Tensor x = Tensor::ones({2, 3}, DType::i64);
  const auto expect = [](const Tensor& y, std::initializer_list<int64_t> values) {
    golden::expect_equal(y, Tensor::from(values, {2, 3}));
  };
  expect(tril(x), {1, 0, 0, 1, 1, 0});
  expect(triu(x), {1, 1, 1, 0, 1, 1});
  expect(tril(x, {.diagonal = 1}), {1, 1, 0, 1, 1, 1});
  expect(triu(x, {.diagonal = 1}), {0, 1, 1, 0, 0, 1});
  expect(tril(x, {.diagonal = INT64_MAX}), {1, 1, 1, 1, 1, 1});
  expect(triu(x, {.diagonal = INT64_MAX}), {0, 0, 0, 0, 0, 0});
  expect(tril(x, {.diagonal = INT64_MIN}), {0, 0, 0, 0, 0, 0});
  expect(triu(x, {.diagonal = INT64_MIN}), {1, 1, 1, 1, 1, 1});
}

TEST(Triangles, SelectWhatIsOnTheOtherSideAway) {
  const Tensor x = Tensor::full({2, 2}, std::nan(""));
  EXPECT_EQ(tril(x).data<float>()[1], 0);
  EXPECT_EQ(triu(x).data<float>()[2], 0);
}

TEST(Arange, TakesItsEndAlone) {
  golden::expect_equal(arange(3), line({0, 1, 2}));
  golden::expect_equal(arange(2.5, DType::f64), Tensor::from<double>({0, 1, 2}));
  golden::expect_equal(arange(int64_t{2}, DType::i64), Tensor::from<int64_t>({0, 1}));
}

TEST(Like, MakesATensorOfTheSameShapeAndDtypeWithoutHistory) {
  for (const DType dtype : {DType::f32, DType::f64, DType::i64, DType::i32, DType::boolean}) {
    const Tensor x = Tensor::zeros({2, 3}, dtype);
    golden::expect_equal(zeros_like(x), x);
    golden::expect_equal(ones_like(x), Tensor::ones({2, 3}, dtype));
    golden::expect_equal(full_like(x, 2.5), Tensor::full({2, 3}, 2.5, dtype));
    EXPECT_FALSE(zeros_like(x).shares_storage_with(x));
  }
  Tensor leaf = Tensor::ones({2}).set_requires_grad();
  EXPECT_FALSE(ones_like(leaf).requires_grad());
  for (Tensor (*f)(const Tensor&) : {zeros_like, ones_like}) message_of<StateError>([&] { f(Tensor()); });
  message_of<StateError>([] { full_like(Tensor(), 1); });
}

TEST(Arange, CountsUpAndDown) {
  golden::expect_equal(arange({.start = 1, .end = 2, .step = 0.5}), line({1, 1.5}));
  golden::expect_equal(arange({.start = 3, .end = 0, .step = -2, .dtype = DType::i64}),
                       Tensor::from<int64_t>({3, 1}, {2}));
  golden::expect_equal(arange({.end = 2, .dtype = DType::i32}), Tensor::from<int32_t>({0, 1}, {2}));
  EXPECT_EQ(arange({.start = 1, .end = 0}).numel(), 0);
  EXPECT_EQ(arange({}).numel(), 0);
}

}  // namespace
}  // namespace gossamer::test_rearrange
