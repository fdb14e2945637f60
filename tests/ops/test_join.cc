// concat, stack, split and chunk: values, what is shared, and gradients of parts.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/ops.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/tensors.h"

namespace gossamer::test_join {
namespace {

Tensor counting(const Shape& shape, DType dtype = DType::f32) {
  return reshape(arange({.end = static_cast<double>(shape.numel())}), shape).to(dtype);
}

TEST(Concat, PutsTensorsOfAnyDtypeOneAfterTheOther) {
  const Tensor a = counting({2, 1, 2}, DType::i32);
  const Tensor b = counting({2, 2, 2}, DType::i32);
  golden::expect_equal(concat({a, b}, -2), Tensor::from<int32_t>({0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 6, 7}, {2, 3, 2}));
  golden::expect_equal(concat({Tensor::from<bool>({true}, {1}), Tensor::from<bool>({false, true}, {2})}),
                       Tensor::from<bool>({true, false, true}, {3}));
  EXPECT_FALSE(concat({a}).shares_storage_with(a));
  EXPECT_EQ(concat({Tensor::zeros({0, 3}), Tensor::zeros({0, 3})}, 1).shape(), Shape({0, 6}));
}

TEST(Concat, NamesTheShapesThatDoNotFit) {
  EXPECT_EQ(message_of<ShapeError>([] {
              concat({Tensor::ones({2, 3}), Tensor::ones({3, 3})}, 1);
            }),
            "concat: all sizes but that of dimension 1 must be equal; [2, 3] and [3, 3]");
  EXPECT_EQ(message_of<ShapeError>([] { concat(std::vector<Tensor>()); }), "concat: there must be a tensor; none");
}

TEST(Concat, GivesNoGradientToTensorsThatNeedNone) {
  Tensor a = counting({2}).set_requires_grad();
  const Tensor b = counting({3});
  concat({b, a, b}).backward(counting({8}));
  golden::expect_equal(a.grad(), Tensor::from<float>({3, 4}, {2}));
}

TEST(Stack, AddsADimension) {
  const Tensor a = counting({2});
  const Tensor b = mul_scalar(a, 10);
  golden::expect_equal(stack({a, b}), Tensor::from<float>({0, 1, 0, 10}, {2, 2}));
  golden::expect_equal(stack({a, b}, -1), Tensor::from<float>({0, 0, 1, 10}, {2, 2}));
  EXPECT_EQ(stack({Tensor::zeros({2, 3}), Tensor::zeros({2, 3})}, 1).shape(), Shape({2, 2, 3}));
}

std::vector<Shape> shapes_of(const std::vector<Tensor>& parts) {
  std::vector<Shape> shapes;
  for (const Tensor& part : parts) shapes.push_back(part.shape());
  return shapes;
}

TEST(Split, CutsIntoEqualPartsAndARest) {
  const std::vector<Tensor> parts = split(counting({2, 5}), 2, 1);
  ASSERT_EQ(shapes_of(parts), std::vector<Shape>({{2, 2}, {2, 2}, {2, 1}}));
  golden::expect_equal(parts[1], Tensor::from<float>({2, 3, 7, 8}, {2, 2}));
  golden::expect_equal(parts[2], Tensor::from<float>({4, 9}, {2, 1}));
  EXPECT_EQ(shapes_of(split(counting({3}), INT64_MAX)), std::vector<Shape>({{3}}));
  EXPECT_EQ(shapes_of(split(counting({0, 2}), 3)), std::vector<Shape>({{0, 2}}));
}

TEST(Split, TakesTheSizesOfAllParts) {
  EXPECT_EQ(shapes_of(split(counting({4, 1}), {1, 0, 3})), std::vector<Shape>({{1, 1}, {0, 1}, {3, 1}}));
  EXPECT_EQ(shapes_of(split(counting({0}), {0, 0})), std::vector<Shape>({{0}, {0}}));
  for (const std::vector<int64_t>& sizes :
       {std::vector<int64_t>{1, 2}, {1, 4}, {5, -1}, {-1, 5}, {INT64_MAX, INT64_MAX}, {}}) {
    EXPECT_TRUE(
        message_of<ShapeError>([&] { split(counting({4}), sizes); }).starts_with("split: sizes must add up to 4"));
  }
}

TEST(Split, GivesViewsWhereNoDimensionBeforeIsLargerThanOne) {
  const Tensor x = counting({1, 4, 2});
  for (const Tensor& part : split(x, 2, 1)) EXPECT_TRUE(part.shares_storage_with(x));
  golden::expect_equal(split(x, 2, 1)[1], Tensor::from<float>({4, 5, 6, 7}, {1, 2, 2}));
  for (const Tensor& part : split(x, 1, 2)) EXPECT_FALSE(part.shares_storage_with(x));
}

TEST(Chunk, RoundsTheSizeUpAndMayGiveFewer) {
  EXPECT_EQ(shapes_of(chunk(counting({5}), 3)), std::vector<Shape>({{2}, {2}, {1}}));
  EXPECT_EQ(shapes_of(chunk(counting({5}), 4)), std::vector<Shape>({{2}, {2}, {1}}));
  EXPECT_EQ(shapes_of(chunk(counting({2, 0}), 2, 1)), std::vector<Shape>({{2, 0}, {2, 0}}));
}

TEST(Parts, UndoConcatAlsoInTheirGradients) {
  Tensor x = uniform({3, 7, 2}, 1, DType::f32).set_requires_grad();
  const Tensor y = concat(split(x, 3, 1), 1);
  golden::expect_equal(y.detach(), x.detach());
  const Tensor grad = uniform({3, 7, 2}, 2, DType::f32);
  y.backward(grad);
  golden::expect_equal(x.grad(), grad);
}

// Of parts that overlap, some used twice, of a computed tensor and of a leaf.
TEST(Parts, AddUpTheirGradientsWithThoseOfOtherUses) {
  for (const bool is_leaf : {false, true}) {
    Tensor leaf = counting({4}).set_requires_grad();
    const Tensor x = is_leaf ? leaf : mul_scalar(leaf, 1);
    const Tensor first = slice(x, 0, 3);
    const Tensor last = slice(x, {.dim = 0, .begin = 1, .end = 4, .step = 2});
    const Tensor loss = add(add(sum(mul_scalar(first, 10)), sum(first)), add(sum(mul_scalar(last, 100)), sum(x)));
    loss.backward();
    golden::expect_equal(leaf.grad(), Tensor::from<float>({12, 112, 12, 101}, {4}));
  }
}

TEST(Parts, CanBeWalkedOneByOne) {
  Tensor x = counting({4}).set_requires_grad();
  const std::vector<Tensor> parts = split(x, 2);
  sum(parts[1]).backward();
  golden::expect_equal(x.grad(), Tensor::from<float>({0, 0, 1, 1}, {4}));
  sum(mul_scalar(parts[0], 3)).backward();
  golden::expect_equal(x.grad(), Tensor::from<float>({3, 3, 1, 1}, {4}));
}

}  // namespace
}  // namespace gossamer::test_join
