// gradcheck accepts right gradients and catches wrong ones.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/error.h"
#include "gossamer/gradcheck.h"
#include "gossamer/ops.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/tensors.h"

namespace gossamer::test_gradcheck {
namespace {

using Inputs = std::span<const Tensor>;

// The identity, whose gradient is changed by `edit`.
Tensor faulty_identity(const Tensor& x, std::function<void(double*)> edit) {
  struct FaultyNode final : Node {
    std::function<void(double*)> edit;
    explicit FaultyNode(std::function<void(double*)> edit_) : edit(std::move(edit_)) {}
    Gradients backward(const Tensor& grad) override {
      Tensor changed = grad.clone();
      edit(changed.mutable_data<double>());
      return {changed};
    }
  };
  return record<FaultyNode>("faulty", x.clone(), {x}, std::move(edit));
}

TEST(GradCheck, AcceptsRightGradientsOfAnyOutputShape) {
  const std::vector<Tensor> inputs{uniform({2, 3}, 1), uniform({3}, 2)};
  for (const auto& fn : {std::function<Tensor(Inputs)>([](Inputs x) { return mul(x[0], x[1]); }),
                         std::function<Tensor(Inputs)>([](Inputs x) { return sum(mul(x[0], x[1])); })}) {
    const GradCheckResult result = gradcheck(fn, inputs);
    EXPECT_TRUE(result) << result.message;
    EXPECT_LT(result.max_error, 1e-8);
    EXPECT_EQ(result.message, "");
  }
}

TEST(GradCheck, NamesTheInputAndElementOfAWrongGradient) {
  const GradCheckResult result =
      gradcheck([](Inputs x) { return sum(add(x[0], faulty_identity(x[1], [](double* grad) { grad[2] += 0.25; }))); },
                {uniform({4}, 1), uniform({4}, 2)});
  EXPECT_FALSE(result);
  EXPECT_NEAR(result.max_error, 0.25, 1e-6);
  EXPECT_NE(result.message.find("input 1, element 2: analytic "), std::string::npos) << result.message;
  EXPECT_NE(result.message.find(", numeric "), std::string::npos) << result.message;
}

TEST(GradCheck, CatchesErrorsThatAFloat32CheckWouldMiss) {
  EXPECT_FALSE(gradcheck([](Inputs x) { return faulty_identity(x[0], [](double* grad) { grad[0] *= 1 + 1e-4; }); },
                         {uniform({3}, 1)}));
}

TEST(GradCheck, CatchesGradientsThatAreSwappedBetweenElements) {
  // A sum with equal weights would not see it.
  EXPECT_FALSE(
      gradcheck([](Inputs x) { return faulty_identity(x[0], [](double* grad) { std::swap(grad[0], grad[1]); }); },
                {uniform({3}, 1)}));
}

TEST(GradCheck, CatchesNan) {
  const GradCheckResult result = gradcheck(
      [](Inputs x) { return faulty_identity(x[0], [](double* grad) { grad[1] = std::nan(""); }); }, {uniform({3}, 1)});
  EXPECT_FALSE(result);
  EXPECT_EQ(result.max_error, std::numeric_limits<double>::infinity());
  EXPECT_NE(result.message.find("element 1"), std::string::npos);
}

TEST(GradCheck, CatchesAGradientThatIsMissing) {
  EXPECT_FALSE(gradcheck([](Inputs x) { return mul_scalar(x[0].detach(), 2); }, {uniform({3}, 1)}));
}

TEST(GradCheck, TakesInputsThatDoNotMatter) {
  EXPECT_TRUE(gradcheck([](Inputs x) { return mul_scalar(x[0], 2); }, {uniform({3}, 1), uniform({2}, 2)}));
}

TEST(GradCheck, LeavesTheInputsAsTheyAre) {
  const Tensor x = uniform({3}, 1);
  const Tensor copy = x.clone();
  const uint64_t version = x.version();
  EXPECT_TRUE(gradcheck([](Inputs in) { return mul(in[0], in[0]); }, {x}));
  golden::expect_equal(x, copy);
  EXPECT_EQ(x.version(), version);
  EXPECT_FALSE(x.requires_grad());
}

TEST(GradCheck, RefusesOtherDtypesThanF64) {
  EXPECT_THROW(gradcheck({}, {Tensor::zeros({2}, DType::f64)}), ConfigError);
  const auto identity = [](Inputs x) { return x[0]; };
  EXPECT_EQ(message_of<DTypeError>([&] { gradcheck(identity, {Tensor::zeros({2}, DType::i64)}); }),
            "gradcheck: input 0 must be f64; i64 [2]; fn captures what has no gradient");
  EXPECT_NE(message_of<DTypeError>([&] {
              gradcheck(identity, {uniform({2}, 1), Tensor::ones({2})});
            }).find("input 1"),
            std::string::npos);
  message_of<DTypeError>([&] { gradcheck(identity, {Tensor()}); });
  message_of<DTypeError>([] { gradcheck([](Inputs x) { return x[0].to(DType::f32); }, {uniform({2}, 1)}); });
}

}  // namespace
}  // namespace gossamer::test_gradcheck
