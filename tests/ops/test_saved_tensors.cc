// Operations keep alive only what a gradient will need: activations are most of the memory of training.
#include <gtest/gtest.h>

#include "gossamer/ops.h"
#include "tests/support/tensors.h"

namespace gossamer::test_saved_tensors {
namespace {

Tensor constant(const Shape& shape) { return uniform(shape, 1, DType::f32); }
Tensor leaf(const Shape& shape) { return uniform(shape, 2, DType::f32).set_requires_grad(); }

// Whether the graph behind a result holds the elements of x.
bool kept(const Tensor& x) { return !x.owns_storage_alone(); }

TEST(SavedTensors, SumsAndDifferencesKeepNothing) {
  const Tensor a = leaf({3});
  const Tensor b = leaf({3});
  const Tensor y = add(sub(a, b), add_scalar(neg(mul_scalar(a, 2)), 1));
  EXPECT_FALSE(kept(a));
  EXPECT_FALSE(kept(b));
}

TEST(SavedTensors, AProductKeepsTheOtherFactorOfALeaf) {
  const Tensor a = leaf({3, 3});
  const Tensor b = constant({3, 3});
  const Tensor y = mul(a, b);
  EXPECT_FALSE(kept(a));
  EXPECT_TRUE(kept(b));
  const Tensor c = leaf({3, 3});
  const Tensor d = constant({3, 3});
  const Tensor z = matmul(c, d);
  EXPECT_FALSE(kept(c));
  EXPECT_TRUE(kept(d));
}

TEST(SavedTensors, AQuotientKeepsTheDivisorAndTheDividendOnlyForTheDivisor) {
  const Tensor a = leaf({3});
  const Tensor b = constant({3});
  const Tensor y = div(a, b);
  EXPECT_FALSE(kept(a));
  EXPECT_TRUE(kept(b));
  const Tensor c = constant({3});
  const Tensor d = leaf({3});
  const Tensor z = div(c, d);
  EXPECT_TRUE(kept(c));
  EXPECT_TRUE(kept(d));
}

TEST(SavedTensors, AFrozenLayerDoesNotKeepItsInput) {
  const Tensor x = leaf({2, 4});
  const Tensor frozen = constant({3, 4});
  const Tensor bias = leaf({3});
  const Tensor y = linear(x, frozen, bias);
  EXPECT_FALSE(kept(x));
  EXPECT_TRUE(kept(frozen));
  EXPECT_FALSE(kept(bias));
}

TEST(SavedTensors, AFirstLayerDoesNotKeepItsWeight) {
  const Tensor x = constant({2, 4});
  const Tensor weight = leaf({3, 4});
  const Tensor y = linear(x, weight);
  EXPECT_TRUE(kept(x));
  EXPECT_FALSE(kept(weight));
}

TEST(SavedTensors, ActivationsKeepTheirOutputAndNotTheirInput) {
  const Tensor x = leaf({2, 4});
  const Tensor y = relu(x);
  EXPECT_TRUE(kept(y));
  const Tensor p = softmax(x);
  EXPECT_TRUE(kept(p));
  const Tensor log_p = log_softmax(x);
  EXPECT_TRUE(kept(log_p));
  EXPECT_FALSE(kept(x));
}

TEST(SavedTensors, DropoutKeepsNoMask) {
  const Tensor x = leaf({100});
  const Tensor y = dropout(x, 0.5, 1);
  EXPECT_FALSE(kept(x));
  EXPECT_FALSE(kept(y));
}

TEST(SavedTensors, SumsAndMeansKeepNothingAndMaxItsInput) {
  const Tensor x = leaf({2, 4});
  const Tensor total = sum(x);
  const Tensor average = mean(x);
  EXPECT_FALSE(kept(x));
  const Tensor peak = max(x);
  EXPECT_TRUE(kept(x));
}

}  // namespace
}  // namespace gossamer::test_saved_tensors
