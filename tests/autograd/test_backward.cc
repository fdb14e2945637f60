// What backward promises: sums, order, errors that change nothing, and graphs of any depth.
#include <gtest/gtest.h>
#include <pthread.h>

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "autograd/meta.h"
#include "gossamer/autograd.h"
#include "gossamer/error.h"
#include "gossamer/ops.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/tensors.h"

namespace gossamer::test_backward {
namespace {

Tensor leaf(std::initializer_list<float> values) {
  return Tensor::from<float>(values, {static_cast<int64_t>(values.size())}).set_requires_grad();
}

Tensor vector(std::initializer_list<float> values) {
  return Tensor::from<float>(values, {static_cast<int64_t>(values.size())});
}

TEST(Backward, SumsTheGradientsOfEveryUse) {
  const Tensor x = leaf({1, 2});
  const Tensor y = mul_scalar(x, 3);
  // y enters three times, x once more.
  sum(add(add(mul(y, y), y), x)).backward();
  golden::expect_equal(x.grad(), vector({18 * 1 + 3 + 1, 18 * 2 + 3 + 1}));
}

TEST(Backward, CountsBothOperandsOfOneOperation) {
  const Tensor x = leaf({1, 2});
  sum(add(x, x)).backward();
  golden::expect_equal(x.grad(), vector({2, 2}));
}

TEST(Backward, WaitsForAllUsesOfAnIntermediateResult) {
  // The short way from y to the loss must not run on before the long one has arrived.
  const Tensor x = leaf({2});
  const Tensor y = mul(x, x);
  Tensor detour = y;
  for (int i = 0; i < 10; ++i) detour = mul_scalar(detour, 2);
  add(detour, y).backward();
  golden::expect_equal(x.grad(), vector({1025 * 4}));
}

TEST(Backward, AddsToTheGradientThatIsThere) {
  const Tensor x = leaf({1, 2});
  sum(x).backward();
  mul_scalar(sum(x), 4).backward();
  golden::expect_equal(x.grad(), vector({5, 5}));
}

TEST(Backward, GivesEachLeafAGradientOfItsOwn) {
  const Tensor a = leaf({1, 2});
  const Tensor b = leaf({3, 4});
  const Tensor grad = vector({1, 1});
  add(a, b).backward(grad);
  Tensor a_grad = a.grad();
  EXPECT_FALSE(a_grad.shares_storage_with(b.grad()));
  EXPECT_FALSE(a_grad.shares_storage_with(grad));
  a_grad.fill(9);
  golden::expect_equal(b.grad(), vector({1, 1}));
  golden::expect_equal(grad, vector({1, 1}));
}

TEST(Backward, LeavesAGradientThatSomeoneHoldsAsItWas) {
  const Tensor x = leaf({1, 2});
  sum(x).backward();
  const Tensor before = x.grad();
  sum(x).backward();
  golden::expect_equal(before, vector({1, 1}));
  golden::expect_equal(x.grad(), vector({2, 2}));
}

TEST(Leaf, KeepsAGradientOfItsOwnWhateverTheCallerHolds) {
  Tensor grad = vector({3, 4});
  const Tensor x = leaf({1, 2});
  const Tensor y = leaf({1, 2});
  x.set_grad(grad);
  y.set_grad(grad);
  Tensor scaled = x.grad();
  scaled.fill(9);
  golden::expect_equal(grad, vector({3, 4}));
  golden::expect_equal(y.grad(), vector({3, 4}));
  // Moved and held by nobody else: taken over without a copy.
  const float* const elements = grad.data<float>();
  x.set_grad(std::move(grad));
  EXPECT_EQ(x.grad().data<float>(), elements);
}

TEST(Backward, OfALeafIsItsGradient) {
  const Tensor x = leaf({1, 2});
  const Tensor grad = vector({3, 4});
  x.backward(grad);
  x.backward(grad);
  golden::expect_equal(x.grad(), vector({6, 8}));
  golden::expect_equal(grad, vector({3, 4}));
}

TEST(Backward, ThroughViewsReachesTheWhole) {
  const Tensor x = leaf({1, 2, 3, 4, 5, 6});
  const Tensor rows = reshape(x, {3, 2});
  sum(mul(slice(rows, 0, 2), slice(rows, 1, 3))).backward();
  golden::expect_equal(x.grad(), vector({3, 4, 6, 8, 3, 4}));
}

TEST(Backward, StopsAtDetachedTensors) {
  const Tensor x = leaf({3});
  mul(x, mul_scalar(x, 2).detach()).backward();
  golden::expect_equal(x.grad(), vector({6}));
}

TEST(Backward, ReleasesWhatWasSaved) {
  const Tensor x = leaf({1, 2});
  const Tensor factor = vector({3, 4});
  const Tensor loss = sum(mul(x, factor));
  EXPECT_FALSE(factor.owns_storage_alone());
  loss.backward();
  EXPECT_TRUE(factor.owns_storage_alone());
}

TEST(Backward, TwiceThroughOneGraphIsRefusedAndChangesNothing) {
  const Tensor x = leaf({1, 2});
  const Tensor z = leaf({5, 5});
  const Tensor y = mul(x, x);
  const Tensor loss = sum(y);
  loss.backward();
  EXPECT_NE(message_of<StateError>([&] { loss.backward(); }).find("walked once"), std::string::npos);
  // A new operation on top of a walked graph is refused as well, before its other inputs get anything.
  message_of<StateError>([&] { sum(add(y, z)).backward(); });
  golden::expect_equal(x.grad(), vector({2, 4}));
  EXPECT_FALSE(z.grad().defined());
}

TEST(Backward, RefusesInputsWrittenSinceForwardAndChangesNoGradient) {
  const Tensor a = leaf({1, 2});
  const Tensor b = leaf({3, 4});
  Tensor factor = vector({5, 6});
  sum(a).backward();
  const Tensor loss = add(sum(mul(a, a)), sum(mul(b, factor)));
  factor.fill(0);
  const std::string message = message_of<StateError>([&] { loss.backward(); });
  EXPECT_NE(message.find("'mul'"), std::string::npos) << message;
  EXPECT_NE(message.find("[2]"), std::string::npos) << message;
  golden::expect_equal(a.grad(), vector({1, 1}));
  EXPECT_FALSE(b.grad().defined());
}

TEST(Backward, RefusesLeavesAndOutputsWrittenSinceForward) {
  Tensor x = leaf({1, 2});
  const Tensor square = sum(mul(x, x));
  x.mutable_data<float>()[0] = 7;
  message_of<StateError>([&] { square.backward(); });

  Tensor y = relu(x);
  const Tensor loss = sum(y);
  y.fill(1);
  message_of<StateError>([&] { loss.backward(); });
  EXPECT_FALSE(x.grad().defined());
}

TEST(Backward, AllowsWritingWhatNoGradientNeeds) {
  const Tensor x = leaf({1, 2});
  Tensor shift = vector({3, 4});
  const Tensor loss = sum(add(x, shift));
  shift.fill(0);
  loss.backward();
  golden::expect_equal(x.grad(), vector({1, 1}));
}

TEST(Backward, RefusesToStartWhereItCannot) {
  const Tensor x = leaf({1, 2});
  EXPECT_NE(message_of<ShapeError>([&] { mul_scalar(x, 2).backward(); }).find("[2]"), std::string::npos);
  message_of<StateError>([] { vector({1}).backward(); });
  message_of<ShapeError>([] { Tensor().backward(); });
  const Tensor y = mul_scalar(x, 2);
  message_of<ShapeError>([&] { y.backward(vector({1, 2, 3})); });
  message_of<ShapeError>([&] { y.backward(Tensor()); });
  EXPECT_FALSE(x.grad().defined());
}

TEST(Backward, IntoARetiredLeafIsRefused) {
  const Tensor x = leaf({1, 2});
  const Tensor z = leaf({1, 2});
  const Tensor loss = sum(add(x, z));
  autograd::retire_leaf(x, "the weight became sparse");
  EXPECT_NE(message_of<StateError>([&] { loss.backward(); }).find("the weight became sparse"), std::string::npos);
  message_of<StateError>([&] { x.backward(vector({1, 1})); });
  EXPECT_FALSE(z.grad().defined());
}

TEST(Leaf, MustBeFloating) {
  Tensor labels = Tensor::zeros({2}, DType::i64);
  EXPECT_NE(message_of<DTypeError>([&] { labels.set_requires_grad(); }).find("i64"), std::string::npos);
  EXPECT_FALSE(labels.requires_grad());
  message_of<DTypeError>([] { Tensor().set_requires_grad(); });
  Tensor y = mul_scalar(leaf({1}), 2);
  message_of<StateError>([&] { y.set_requires_grad(false); });
}

TEST(Leaf, TakesGradientsOfItsShapeAndDtypeOnly) {
  const Tensor x = leaf({1, 2});
  x.set_grad(vector({3, 4}));
  golden::expect_equal(x.grad(), vector({3, 4}));
  message_of<ShapeError>([&] { x.set_grad(vector({1})); });
  message_of<DTypeError>([&] { x.set_grad(Tensor::ones({2}, DType::f64)); });
  golden::expect_equal(x.grad(), vector({3, 4}));
  x.set_grad(Tensor());
  EXPECT_FALSE(x.grad().defined());
  message_of<StateError>([] { vector({1}).set_grad(vector({1})); });
}

// Runs f on a thread with a stack of 256 KiB: recursion over a deep graph would overflow it at once.
void with_small_stack(std::function<void()> f) {
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, 256 * 1024), 0);
  pthread_t thread;
  const auto body = [](void* context) -> void* {
    (*static_cast<std::function<void()>*>(context))();
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, body, &f), 0);
  ASSERT_EQ(pthread_join(thread, nullptr), 0);
  pthread_attr_destroy(&attributes);
}

constexpr int kDepth = 100000;

Tensor deep_chain(const Tensor& x) {
  Tensor y = x;
  for (int i = 0; i < kDepth; ++i) y = add_scalar(y, 1);
  return y;
}

TEST(DeepGraph, IsWalkedAndReleasedWithoutRecursion) {
  with_small_stack([] {
    const Tensor x = leaf({1});
    {
      const Tensor y = deep_chain(x);
      EXPECT_EQ(y.item<float>(), 1 + kDepth);
      y.backward();
    }
    EXPECT_EQ(x.grad().item<float>(), 1);
  });
}

TEST(DeepGraph, IsReleasedWithoutRecursionWhenBackwardNeverRan) {
  with_small_stack([] {
    const Tensor x = leaf({1});
    { const Tensor y = deep_chain(x); }
    EXPECT_FALSE(x.grad().defined());
  });
}

TEST(DeepGraph, IsReleasedWithoutRecursionWhereNodesHoldTensorsWithHistory) {
  struct HoldingNode final : Node {
    Tensor held;
    explicit HoldingNode(const Tensor& held_) : held(held_) {}
    Gradients backward(const Tensor& grad) override { return {grad}; }
  };
  with_small_stack([] {
    const Tensor x = leaf({1});
    {
      Tensor y = x;
      for (int i = 0; i < kDepth; ++i) y = record<HoldingNode>("hold", y.detach(), {y}, y);
    }
    EXPECT_FALSE(x.grad().defined());
  });
}

}  // namespace
}  // namespace gossamer::test_backward
