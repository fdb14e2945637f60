// Operators with numbers; += and its kin, which write where the tensor is and refuse what a gradient would need.
#include <gtest/gtest.h>

#include <span>
#include <string>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/error.h"
#include "gossamer/gradcheck.h"
#include "gossamer/ops.h"
#include "ops/elementwise.h"
#include "tensor/layout.h"
#include "tests/support/errors.h"
#include "tests/support/tensors.h"

namespace gossamer::test_operators {
namespace {

TEST(Operators, TakeANumberOnEitherSideAndHaveItsGradients) {
  const Tensor x = Tensor::from({1.0, -2.0, 4.0});
  EXPECT_EQ(to_vector<float>(2.0 - x * 3), (std::vector<float>{-1, 8, -10}));
  EXPECT_EQ(to_vector<float>(1 + x / 4 - 0.5), (std::vector<float>{0.75, 0, 1.5}));
  EXPECT_EQ(to_vector<float>(8 / x), (std::vector<float>{8, -4, 2}));
  const auto all = [](std::span<const Tensor> in) { return (2.0 - in[0] * 3) / 4 + (1 + 0.5 / (in[1] - 4)) * 2; };
  const GradCheckResult result = gradcheck(all, {uniform({2, 3}, 1), uniform({3}, 2)});
  EXPECT_TRUE(result) << result.message;
}

TEST(InPlace, WritesForEveryHandleAndView) {
  Tensor x = Tensor::from({1.0, 2.0, 3.0, 4.0}, {2, 2});
  const Tensor handle = x;
  Tensor row = x.alias({2}, 2);
  x += Tensor::from({10.0, 20.0});
  x *= 2;
  row -= 1;
  EXPECT_EQ(to_vector<float>(handle), (std::vector<float>{22, 44, 25, 47}));
  x /= Tensor::full({2, 1}, 2);
  x -= Tensor::ones({2, 2});
  x += 1.5;
  x /= 0.5;
  EXPECT_EQ(to_vector<float>(handle), (std::vector<float>{23, 45, 26, 48}));
  x *= x;
  EXPECT_EQ(to_vector<float>(handle), (std::vector<float>{529, 2025, 676, 2304}));
}

TEST(InPlace, OverlappingViewsMeanTheElementsBeforeTheCall) {
  const Tensor x = Tensor::from({1.0, 2.0, 3.0, 4.0});
  Tensor left = x.alias({3});
  left += x.alias({3}, 1);
  EXPECT_EQ(to_vector<float>(x), (std::vector<float>{3, 5, 7, 4}));
}

TEST(InPlace, TilesStayTiles) {
  const Tensor rows = uniform({5, 3}, 1, DType::f32);
  Tensor x = Layout::tiles(16).take(rows);
  x += rows;
  EXPECT_TRUE(Layout::of(x).is_tiled());
  EXPECT_EQ(to_vector<float>(x), to_vector<float>(rows * 2));
}

TEST(InPlace, APointerToTheElementsStaysGood) {
  Tensor x = Layout::tiles(16).take(uniform({5, 3}, 1, DType::f32));
  const float* const held = x.data<float>();
  const float before = held[4];
  x += 1;
  EXPECT_EQ(x.data<float>(), held);
  EXPECT_EQ(held[4], before + 1);
}

TEST(InPlace, RefusesWhatAGradientWouldNeedUnlessNoGradLives) {
  Tensor x = Tensor::ones({2});
  Tensor leaf = Tensor::ones({2}).set_requires_grad();
  EXPECT_NE(message_of<StateError>([&] { x += leaf; }).find("write x = x + y"), std::string::npos);
  EXPECT_NE(message_of<StateError>([&] { leaf *= 2; }).find("the left one does"), std::string::npos);
  EXPECT_EQ(x.at(0), 1.0);
  const NoGrad no_grad;
  leaf -= x * 0.25;
  EXPECT_EQ(leaf.at(1), 0.75);
}

TEST(InPlace, TheShapeOfTheLeftSideStays) {
  Tensor x = Tensor::ones({2});
  EXPECT_NE(message_of<ShapeError>([&] { x += Tensor::ones({3, 2}); }).find("[2] and [3, 2]"), std::string::npos);
  message_of<ShapeError>([&] { x *= Tensor::ones({3}); });
  message_of<DTypeError>([&] { x += Tensor::ones({2}, DType::f64); });
  EXPECT_EQ(to_vector<float>(x), (std::vector<float>{1, 1}));
}

TEST(InPlace, MarksTheStorageAsWritten) {
  Tensor x = Tensor::ones({2}).set_requires_grad();
  Tensor kept = Tensor::ones({2});
  const Tensor loss = sum(x * kept);
  kept += 1;
  message_of<StateError>([&] { loss.backward(); });
}

}  // namespace
}  // namespace gossamer::test_operators
