// Nodes written by users: the example of autograd.h, and faults of a node.
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/error.h"
#include "gossamer/gradcheck.h"
#include "gossamer/ops.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/tensors.h"

namespace gossamer::test_node {
namespace {

// As in the comment of autograd.h.
Tensor scaled_product(const Tensor& a, const Tensor& b, double scale) {
  struct ScaledProductNode final : Node {
    Input a{*this, {&b}};  // in the order given to record(); kept for the gradient of b
    Input b{*this, {&a}};
    double scale;
    explicit ScaledProductNode(double scale_) : scale(scale_) {}

    Gradients backward(const Tensor& grad) override {
      const Tensor g = mul_scalar(grad, scale);
      return {a.gradient([&] { return mul(g, b.value()); }), b.gradient([&] { return mul(g, a.value()); })};
    }
  };
  const Tensor product = mul_scalar(mul(a.detach(), b.detach()), scale);
  return record<ScaledProductNode>("scaled_product", product, {a, b}, scale);
}

Tensor square(const Tensor& x) {
  struct SquareNode final : Node {
    SavedTensor x;
    explicit SquareNode(const Tensor& x_) : x(*this, x_) {}
    Gradients backward(const Tensor& grad) override { return {mul(mul_scalar(x.get(), 2), grad)}; }
  };
  return record<SquareNode>("square", mul(x.detach(), x.detach()), {x}, x);
}

// Element `at` of x [n]. Counts the gradients that it made whole.
Tensor element_of(const Tensor& x, int64_t at, int* whole) {
  struct ElementNode final : Node {
    Input x{*this};
    int64_t at;
    int* whole;
    ElementNode(int64_t at_, int* whole_) : at(at_), whole(whole_) {}
    Gradients backward(const Tensor& grad) override {
      ++*whole;
      Tensor dx = Tensor::zeros(x.shape());
      add_backward(grad, dx);
      return {dx};
    }
    bool add_backward(const Tensor& grad, Tensor& sum) override {
      sum.mutable_data<float>()[at] += grad.item<float>();
      return true;
    }
  };
  return record<ElementNode>("element", x.alias({}, at).clone(), {x}, at, whole);
}

TEST(Node, AddsManySmallGradientsToOneWholeGradient) {
  constexpr int64_t kSize = 50;
  for (const bool is_leaf : {false, true}) {
    Tensor leaf = Tensor::ones({kSize}).set_requires_grad();
    const Tensor x = is_leaf ? leaf : mul_scalar(leaf, 1);
    int whole = 0;
    Tensor total = sum(x);
    for (int64_t i = 0; i < kSize; ++i)
      total = add(total, mul_scalar(element_of(x, i, &whole), static_cast<double>(i)));
    total.backward();
    EXPECT_LE(whole, 2);
    for (int64_t i = 0; i < kSize; ++i) EXPECT_EQ(leaf.grad().data<float>()[i], static_cast<float>(i + 1));
  }
}

TEST(Node, LeavesAGradientAloneThatOthersSeeToo) {
  // add() hands one gradient on to both of its operands.
  Tensor x = Tensor::ones({2}).set_requires_grad();
  Tensor other = Tensor::ones({2}).set_requires_grad();
  int whole = 0;
  const Tensor grad = Tensor::ones({2});
  const Tensor element = element_of(x, 1, &whole);
  const Tensor both = add(add(x, other), element);
  both.backward(grad);
  EXPECT_EQ(x.grad().data<float>()[1], 3);
  EXPECT_EQ(other.grad().data<float>()[1], 1);
  EXPECT_EQ(grad.data<float>()[1], 1);
}

// The identity, with whatever backward a test wants.
Tensor identity_with(std::function<Gradients(const Tensor&)> backward, const Tensor& x) {
  struct CustomNode final : Node {
    std::function<Gradients(const Tensor&)> fn;
    explicit CustomNode(std::function<Gradients(const Tensor&)> fn_) : fn(std::move(fn_)) {}
    Gradients backward(const Tensor& grad) override { return fn(grad); }
  };
  return record<CustomNode>("custom", x.clone(), {x}, std::move(backward));
}

Tensor leaf(const Shape& shape) { return Tensor::ones(shape).set_requires_grad(); }

TEST(UserNode, OfTheExampleHasTheRightGradients) {
  const GradCheckResult result = gradcheck([](std::span<const Tensor> x) { return scaled_product(x[0], x[1], 3); },
                                           {uniform({2, 3}, 1), uniform({2, 3}, 2)});
  EXPECT_TRUE(result) << result.message;
}

TEST(UserNode, KeepsAnInputForAnotherOnlyWhereThatNeedsAGradient) {
  const Tensor a = leaf({2});
  const Tensor b = leaf({2});
  const Tensor constant = Tensor::ones({2});
  {
    const Tensor y = scaled_product(a, constant, 1);
    EXPECT_TRUE(a.owns_storage_alone());
    EXPECT_FALSE(constant.owns_storage_alone());
  }
  const Tensor y = scaled_product(a, b, 1);
  EXPECT_FALSE(a.owns_storage_alone());
  EXPECT_FALSE(b.owns_storage_alone());
  sum(y).backward();
  EXPECT_TRUE(a.owns_storage_alone());
}

TEST(UserNode, KeepsATensorForTheGradientOfOneInput) {
  struct ScaleNode final : Node {
    Input x{*this};
    Input factor{*this};
    SavedTensor for_x;
    SavedTensor for_factor;
    ScaleNode(const Tensor& x_, const Tensor& factor_)
        : for_x(*this, factor_, {&x}), for_factor(*this, x_, {&factor}) {}
    Gradients backward(const Tensor& grad) override {
      EXPECT_TRUE(for_x.defined());
      EXPECT_FALSE(for_factor.defined());
      EXPECT_FALSE(factor.needs_grad());
      EXPECT_EQ(factor.shape(), Shape({2}));
      return {mul(grad, for_x.get()), Tensor()};
    }
  };
  const Tensor x = leaf({2});
  const Tensor factor = Tensor::full({2}, 3);
  const Tensor y = record<ScaleNode>("scale", mul(x.detach(), factor), {x, factor}, x, factor);
  EXPECT_TRUE(x.owns_storage_alone());
  sum(y).backward();
  golden::expect_equal(x.grad(), factor);
}

TEST(UserNode, ThatDeclaresInputsDeclaresAll) {
  struct OneInputNode final : Node {
    Input x{*this};
    Gradients backward(const Tensor& grad) override { return {grad, grad}; }
  };
  const Tensor x = leaf({2});
  const std::string message = message_of<StateError>([&] { record<OneInputNode>("pair", x.clone(), {x, x}); });
  EXPECT_NE(message.find("pair: a node that declares inputs must declare all 2; 1"), std::string::npos) << message;
}

TEST(UserNode, WithoutDeclaredInputsHasTheRightGradient) {
  const GradCheckResult result =
      gradcheck([](std::span<const Tensor> x) { return square(square(x[0])); }, {uniform({2, 3}, 1)});
  EXPECT_TRUE(result) << result.message;
}

TEST(UserNode, SavedTensorsAreGuardedAgainstWrites) {
  Tensor x = leaf({2});
  const Tensor loss = sum(square(x));
  x.fill(3);
  EXPECT_NE(message_of<StateError>([&] { loss.backward(); }).find("'square'"), std::string::npos);
}

TEST(UserNode, RunsWithoutRecording) {
  const Tensor x = leaf({2});
  bool recorded = true;
  sum(identity_with(
          [&](const Tensor& grad) {
            recorded = grad_enabled();
            return Gradients{grad};
          },
          x))
      .backward();
  EXPECT_FALSE(recorded);
  EXPECT_TRUE(grad_enabled());
}

// Backward of `faulty` fails with an E whose message holds `part`, and no leaf gets anything, whichever came first.
template <class E>
void expect_fault(const std::function<Gradients(const Tensor&)>& faulty, const std::string& part) {
  const Tensor before = leaf({2, 3});
  const Tensor x = leaf({2, 3});
  const Tensor after = leaf({2, 3});
  after.set_grad(Tensor::full({2, 3}, 4));
  const Tensor loss = sum(add(mul(after, after), add(identity_with(faulty, x), mul(before, before))));
  const std::string message = message_of<E>([&] { loss.backward(); });
  EXPECT_NE(message.find(part), std::string::npos) << message;
  EXPECT_FALSE(before.grad().defined());
  EXPECT_FALSE(x.grad().defined());
  golden::expect_equal(after.grad(), Tensor::full({2, 3}, 4));
  EXPECT_TRUE(grad_enabled());
}

TEST(UserNode, ThatThrowsLeavesAllGradientsAsTheyWere) {
  expect_fault<std::runtime_error>([](const Tensor&) -> Gradients { throw std::runtime_error("no luck"); }, "no luck");
}

TEST(UserNode, WithAWrongGradientIsNamedInTheError) {
  using Grads = Gradients;
  expect_fault<ShapeError>(
      [](const Tensor&) {
        return Grads{Tensor::ones({3, 2})};
      },
      "backward of 'custom': the gradient of input 0 must be f32 [2, 3]; f32 [3, 2]");
  expect_fault<ShapeError>([](const Tensor&) { return Grads{Tensor::ones({2, 3}, DType::f64)}; }, "f64 [2, 3]");
  expect_fault<ShapeError>([](const Tensor&) { return Grads{Tensor()}; }, "an undefined tensor");
  expect_fault<ShapeError>([](const Tensor& grad) { return Grads{grad, grad}; }, "each of 1 inputs; 2");
  expect_fault<ShapeError>([](const Tensor&) { return Grads{}; }, "each of 1 inputs; 0");
}

TEST(UserNode, ThatEntersBackwardAgainIsRefusedAndChangesNothing) {
  const Tensor other = leaf({2, 3});
  const Tensor other_loss = sum(mul(other, other));
  expect_fault<StateError>(
      [&](const Tensor& grad) {
        other_loss.backward();
        return Gradients{grad};
      },
      "backward: one graph is walked at a time; it is called from the backward of a node");
  EXPECT_FALSE(other.grad().defined());
  // Neither graph nor thread is left in the walk.
  other_loss.backward();
  golden::expect_equal(other.grad(), Tensor::full({2, 3}, 2));
}

TEST(UserNode, ConditionsOfItsOwnAreCheckedBeforeAnythingRuns) {
  struct GuardedNode final : Node {
    const bool* open;
    explicit GuardedNode(const bool* open_) : open(open_) {}
    Gradients backward(const Tensor& grad) override { return {grad}; }
    void validate() const override {
      if (!*open) throw StateError("guarded: it must be open; it is closed");
    }
  };
  bool open = false;
  const Tensor x = leaf({2});
  const Tensor loss = sum(mul_scalar(record<GuardedNode>("guarded", x.clone(), {x}, &open), 2));
  message_of<StateError>([&] { loss.backward(); });
  EXPECT_FALSE(x.grad().defined());
  // Nothing was released: the same graph runs once the condition holds.
  open = true;
  loss.backward();
  golden::expect_equal(x.grad(), Tensor::full({2}, 2));
}

TEST(UserNode, MayLeaveGradientsUndefinedThatNobodyNeeds) {
  struct FirstNode final : Node {
    Gradients backward(const Tensor& grad) override {
      EXPECT_TRUE(needs_grad(0));
      EXPECT_FALSE(needs_grad(1));
      return {grad, Tensor()};
    }
  };
  const Tensor x = leaf({2});
  const Tensor constant = Tensor::ones({5});
  sum(record<FirstNode>("first", x.clone(), {x, constant})).backward();
  golden::expect_equal(x.grad(), Tensor::ones({2}));
}

TEST(NoGrad, RecordsNothingWhileItLives) {
  const Tensor x = leaf({2});
  {
    const NoGrad outer;
    { const NoGrad inner; }
    EXPECT_FALSE(grad_enabled());
    EXPECT_FALSE(mul(x, x).requires_grad());
    EXPECT_TRUE(x.owns_storage_alone());
  }
  EXPECT_TRUE(grad_enabled());
  EXPECT_TRUE(mul(x, x).requires_grad());
}

TEST(NoGrad, IsOfOneThread) {
  const NoGrad no_grad;
  bool enabled_elsewhere = false;
  std::thread([&] { enabled_elsewhere = grad_enabled(); }).join();
  EXPECT_TRUE(enabled_elsewhere);
  EXPECT_FALSE(grad_enabled());
}

TEST(NoGrad, AllowsForwardFromSeveralThreadsAtOnce) {
  const Tensor x = uniform({64, 50}, 1, DType::f32);
  Tensor weight = uniform({70, 50}, 2, DType::f32).set_requires_grad();
  Tensor bias = uniform({70}, 3, DType::f32).set_requires_grad();
  const auto forward = [&] { return softmax(relu(linear(x, weight, bias))); };
  const Tensor expected = forward().detach();
  std::vector<Tensor> results(4);
  std::vector<std::thread> threads;
  for (Tensor& result : results) {
    threads.emplace_back([&] {
      const NoGrad no_grad;
      for (int i = 0; i < 20; ++i) result = forward();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Tensor& result : results) {
    EXPECT_FALSE(result.requires_grad());
    golden::expect_equal(result, expected);
  }
}

}  // namespace
}  // namespace gossamer::test_node
