// Gradient clipping by norm and by value.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/optim/clip.h"
#include "gossamer/runtime.h"
#include "tests/optim/support.h"

namespace gossamer::optim::test_clip {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

std::vector<Parameter> with_grads(const std::vector<std::vector<float>>& grads) {
  std::vector<Parameter> params;
  for (const std::vector<float>& grad : grads) {
    params.push_back(parameter(std::vector<float>(grad.size())));
    set_grad(params.back(), grad);
  }
  return params;
}

TEST(ClipGradNorm, ScalesAllGradientsByOneFactorAndReturnsTheNormBefore) {
  const auto params = with_grads({{3, 0}, {-4}});
  EXPECT_EQ(clip_grad_norm(params, 1), 5);
  EXPECT_FLOAT_EQ(elements(params[0].grad())[0], 0.6f);
  EXPECT_FLOAT_EQ(elements(params[1].grad())[0], -0.8f);
}

TEST(ClipGradNorm, LeavesGradientsBelowTheLimitAlone) {
  const auto params = with_grads({{3}, {-4}});
  const uint64_t version = params[0].grad().version();
  EXPECT_EQ(clip_grad_norm(params, 5.1), 5);
  EXPECT_EQ(elements(params[0].grad()), std::vector<float>{3});
  EXPECT_EQ(params[0].grad().version(), version);
}

TEST(ClipGradNorm, KnowsOtherNorms) {
  EXPECT_EQ(clip_grad_norm(with_grads({{3, -1}, {-4}}), 100, {.norm_type = 1}), 8);
  EXPECT_NEAR(clip_grad_norm(with_grads({{3}, {-4}}), 100, {.norm_type = 3}), std::cbrt(91.0), 1e-12);
  const auto params = with_grads({{3, -1}, {-4}});
  EXPECT_EQ(clip_grad_norm(params, 2, {.norm_type = kInf}), 4);
  EXPECT_NEAR(elements(params[0].grad())[0], 1.5, 1e-6);
}

TEST(ClipGradNorm, CountsOnlyWhatHasAGradient) {
  auto params = with_grads({{3, 4}});
  params.push_back(parameter({1}));
  EXPECT_EQ(clip_grad_norm(params, 1), 5);
  EXPECT_FALSE(params[1].grad().defined());
  EXPECT_EQ(clip_grad_norm({parameter({1})}, 1), 0);
}

TEST(ClipGradNorm, SeesTheNonzerosOfACsrParameter) {
  const Parameter p = csr_parameter(3, 4, {2, 7}, {1, 1});
  set_grad(p, {3, 4});
  EXPECT_EQ(clip_grad_norm({p}, 0.5), 5);
  EXPECT_NEAR(elements(p, p.grad())[1], 0.4, 1e-6);
}

TEST(ClipGradNorm, ClipsFloat64) {
  const Parameter p(Tensor::zeros({2}, DType::f64));
  p.values().set_grad(Tensor::from<double>({3, 4}, {2}));
  EXPECT_EQ(clip_grad_norm({p}, 1), 5);
  EXPECT_NEAR(p.grad().data<double>()[0], 3 / (5 + 1e-6), 1e-15);
}

TEST(ClipGradNorm, AppliesANormThatIsNotFiniteAsTorchDoes) {
  const auto nan = with_grads({{1, NAN}, {1}});
  EXPECT_TRUE(std::isnan(clip_grad_norm(nan, 1)));
  EXPECT_TRUE(std::isnan(elements(nan[1].grad())[0]));
  for (const double norm_type : {2.0, kInf}) {
    const auto infinite = with_grads({{1, INFINITY}, {1}});
    EXPECT_EQ(clip_grad_norm(infinite, 1, {.norm_type = norm_type}), kInf);
    EXPECT_EQ(elements(infinite[0].grad())[0], 0);
    EXPECT_TRUE(std::isnan(elements(infinite[0].grad())[1]));
    EXPECT_EQ(elements(infinite[1].grad())[0], 0);
  }
  EXPECT_TRUE(std::isnan(clip_grad_norm(with_grads({{NAN, 5}, {1}}), 1, {.norm_type = kInf})));
}

TEST(ClipGradNorm, RefusesANormThatIsNotFiniteWhenAskedToAndChangesNothing) {
  const auto params = with_grads({{5, INFINITY}});
  EXPECT_THROW(clip_grad_norm(params, 1, {.error_if_nonfinite = true}), StateError);
  EXPECT_EQ(elements(params[0].grad())[0], 5);
}

TEST(ClipGradNorm, RefusesLimitsThatAreNone) {
  const auto params = with_grads({{3}});
  EXPECT_THROW(clip_grad_norm(params, -1), ConfigError);
  EXPECT_THROW(clip_grad_norm(params, NAN), ConfigError);
  EXPECT_THROW(clip_grad_norm(params, 1, {.norm_type = 0}), ConfigError);
  EXPECT_THROW(clip_grad_norm(params, 1, {.norm_type = NAN}), ConfigError);
  EXPECT_EQ(elements(params[0].grad()), std::vector<float>{3});
}

TEST(ClipGradNorm, GivesTheSameBitsForAnyNumberOfThreads) {
  constexpr int64_t kSize = 100'003;
  std::vector<float> grad(kSize);
  for (int64_t i = 0; i < kSize; ++i) grad[static_cast<size_t>(i)] = std::sin(static_cast<float>(i));
  for (const double norm_type : {1.0, 2.0, kInf}) {
    std::vector<double> norms;
    std::vector<std::vector<float>> clipped;
    for (const int threads : {1, 2, 3, 8}) {
      with_threads(threads, [&] {
        const auto params = with_grads({grad, {0.5f}});
        norms.push_back(clip_grad_norm(params, 0.1, {.norm_type = norm_type}));
        clipped.push_back(elements(params[0].grad()));
      });
      EXPECT_EQ(norms.back(), norms.front()) << threads;
      EXPECT_EQ(clipped.back(), clipped.front()) << threads;
    }
  }
}

TEST(ClipGradValue, ClampsEveryElementAndKeepsNan) {
  const auto params = with_grads({{3, -3, 0.5f, NAN, INFINITY}});
  clip_grad_value(params, 1);
  const std::vector<float> grad = elements(params[0].grad());
  EXPECT_EQ(grad[0], 1);
  EXPECT_EQ(grad[1], -1);
  EXPECT_EQ(grad[2], 0.5f);
  EXPECT_TRUE(std::isnan(grad[3]));
  EXPECT_EQ(grad[4], 1);
}

TEST(ClipGradValue, RefusesBoundsThatAreNone) {
  const auto params = with_grads({{3}});
  EXPECT_THROW(clip_grad_value(params, -1), ConfigError);
  EXPECT_THROW(clip_grad_value(params, NAN), ConfigError);
  EXPECT_EQ(elements(params[0].grad()), std::vector<float>{3});
}

}  // namespace
}  // namespace gossamer::optim::test_clip
