// Sums and optimizer steps on every target against kernels/reference, at every length around the vector width.
#include "kernels/update.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/reference/update.h"
#include "tests/kernels/guarded_array.h"
#include "tests/kernels/simd_target_test.h"

namespace gossamer::kernels::update_test {
namespace {

using testing::fill_uniform;
using testing::GuardedArray;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int64_t kMaxLength = 70;  // more than four vectors of 16

// A guarded array ends at a page, so its first element has every alignment as the length runs.
struct Inputs {
  explicit Inputs(int64_t n) : a(n), b(n), out(n) {
    fill_uniform(a.span(), 1);
    fill_uniform(b.span(), 2);
    fill_uniform(out.span(), 3);
  }
  GuardedArray<float> a, b, out;
};

template <class Kernel, class Reference>  // both (n, a, b, out)
void expect_equal_for_every_length(const Kernel& kernel, const Reference& reference, float tolerance) {
  for (int64_t n = 0; n <= kMaxLength; ++n) {
    Inputs actual(n), expected(n);
    kernel(n, actual.a.data(), actual.b.data(), actual.out.data());
    reference(n, expected.a.data(), expected.b.data(), expected.out.data());
    for (int64_t i = 0; i < n; ++i) ASSERT_NEAR(actual.out[i], expected.out[i], tolerance) << "n " << n << " at " << i;
  }
}

// One call over the array and two calls over its parts leave the same bits.
template <class Kernel>
void expect_same_bits_for_every_split(const Kernel& kernel) {
  Inputs whole(kMaxLength);
  kernel(kMaxLength, whole.a.data(), whole.b.data(), whole.out.data());
  for (int64_t split = 0; split <= kMaxLength; ++split) {
    Inputs parts(kMaxLength);
    kernel(split, parts.a.data(), parts.b.data(), parts.out.data());
    kernel(kMaxLength - split, parts.a.data() + split, parts.b.data() + split, parts.out.data() + split);
    for (int64_t i = 0; i < kMaxLength; ++i) {
      ASSERT_EQ(std::bit_cast<uint32_t>(parts.out[i]), std::bit_cast<uint32_t>(whole.out[i]))
          << "split " << split << " at " << i;
    }
  }
}

class UpdateTest : public testing::SimdTargetTest {};
GOSSAMER_ON_EVERY_SIMD_TARGET(UpdateTest);

TEST_P(UpdateTest, AxpyAddsAMultiple) {
  const auto kernel = [](int64_t n, const float* a, const float*, float* out) { axpy(n, 0.3f, a, out); };
  expect_equal_for_every_length(
      kernel, [](int64_t n, const float* a, const float*, float* out) { reference::axpy(n, 0.3f, a, out); }, 2e-7f);
  expect_same_bits_for_every_split(kernel);
}

// Weight, gradient and states of one update.
struct Parameters {
  explicit Parameters(int64_t n) : grad(n), weight(n), first(n), second(n), third(n) {
    fill_uniform(grad.span(), 1);
    fill_uniform(weight.span(), 2);
    fill_uniform(first.span(), 3);
    fill_uniform(second.span(), 4);
    fill_uniform(third.span(), 5);
    for (float& v : second.span()) v = std::abs(v);  // second moments are not negative
    for (float& v : third.span()) v = std::abs(v);
  }
  GuardedArray<float> grad, weight, first, second, third;
};

void expect_near(const Parameters& actual, const Parameters& expected, float tolerance) {
  for (int64_t i = 0; i < actual.weight.size(); ++i) {
    ASSERT_NEAR(actual.weight[i], expected.weight[i], tolerance) << "weight " << i;
    ASSERT_NEAR(actual.first[i], expected.first[i], tolerance) << "first state " << i;
    ASSERT_NEAR(actual.second[i], expected.second[i], tolerance) << "second state " << i;
    ASSERT_NEAR(actual.third[i], expected.third[i], tolerance) << "third state " << i;
  }
}

const std::vector<int64_t> kLengths = {0, 1, 4, 7, 8, 15, 16, 17, 33, 70};

TEST_P(UpdateTest, SgdStepEqualsTheReferenceForEveryOption) {
  for (int options = 0; options < 32; ++options) {
    SgdScalars<float> s;
    s.lr = 0.1f;
    s.weight_decay = (options & 1) != 0 ? 0.02f : 0.0f;
    s.nesterov = (options & 2) != 0;
    s.first_step = (options & 4) != 0;
    s.maximize = (options & 8) != 0;
    const bool momentum = (options & 16) != 0;
    s.momentum = momentum ? 0.9f : 0.0f;
    s.one_minus_dampening = s.nesterov ? 1.0f : 0.7f;
    for (const int64_t n : kLengths) {
      SCOPED_TRACE(::testing::Message() << "options " << options << " n " << n);
      Parameters actual(n), expected(n);
      sgd_step(s, n, actual.grad.data(), actual.weight.data(), momentum ? actual.first.data() : nullptr);
      reference::sgd_step(s, n, expected.grad.data(), expected.weight.data(),
                          momentum ? expected.first.data() : nullptr);
      expect_near(actual, expected, 1e-6f);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(UpdateTest, AdamStepEqualsTheReferenceForEveryOption) {
  for (int options = 0; options < 16; ++options) {
    AdamScalars<float> s;
    s.step_size = 0.01f;
    s.bias_correction2_sqrt = 0.3f;
    s.weight_decay = (options & 1) != 0 ? 0.02f : 0.0f;
    s.weight_multiplier = (options & 2) != 0 ? 0.99f : 1.0f;
    s.maximize = (options & 4) != 0;
    const bool amsgrad = (options & 8) != 0;
    for (const int64_t n : kLengths) {
      SCOPED_TRACE(::testing::Message() << "options " << options << " n " << n);
      Parameters actual(n), expected(n);
      adam_step(s, n, actual.grad.data(), actual.weight.data(), actual.first.data(), actual.second.data(),
                amsgrad ? actual.third.data() : nullptr);
      reference::adam_step(s, n, expected.grad.data(), expected.weight.data(), expected.first.data(),
                           expected.second.data(), amsgrad ? expected.third.data() : nullptr);
      expect_near(actual, expected, 1e-6f);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(UpdateTest, StepsGiveTheSameBitsForEverySplit) {
  AdamScalars<float> adam;
  adam.step_size = 0.01f;
  adam.weight_decay = 0.1f;
  SgdScalars<float> sgd;
  sgd.lr = 0.1f;
  sgd.momentum = 0.9f;
  sgd.weight_decay = 0.1f;
  sgd.nesterov = true;
  Parameters whole(kMaxLength);
  const auto step = [&](Parameters& p, int64_t begin, int64_t end) {
    adam_step(adam, end - begin, p.grad.data() + begin, p.weight.data() + begin, p.first.data() + begin,
              p.second.data() + begin, p.third.data() + begin);
    sgd_step(sgd, end - begin, p.grad.data() + begin, p.weight.data() + begin, p.first.data() + begin);
  };
  step(whole, 0, kMaxLength);
  for (int64_t split = 0; split <= kMaxLength; ++split) {
    SCOPED_TRACE(::testing::Message() << "split " << split);
    Parameters parts(kMaxLength);
    step(parts, 0, split);
    step(parts, split, kMaxLength);
    expect_near(parts, whole, 0.0f);
    if (HasFatalFailure()) return;
  }
}

TEST_P(UpdateTest, StepsOfDoublesEqualTheReference) {
  for (const int64_t n : kLengths) {
    const auto fill = [n](uint32_t seed, bool positive) {
      std::vector<float> floats(static_cast<size_t>(n));
      fill_uniform(floats, seed);
      std::vector<double> x(floats.begin(), floats.end());
      for (double& v : x) v = positive ? std::abs(v) : v;
      return x;
    };
    const std::vector<double> grad = fill(1, false);
    std::vector<double> w[2], m[2], v[2], top[2];
    for (int side = 0; side < 2; ++side) {
      w[side] = fill(2, false), m[side] = fill(3, false), v[side] = fill(4, true), top[side] = fill(5, true);
    }
    AdamScalars<double> adam;
    adam.step_size = 0.01;
    adam.weight_decay = 0.02;
    SgdScalars<double> sgd;
    sgd.lr = 0.1;
    sgd.momentum = 0.9;
    adam_step(adam, n, grad.data(), w[0].data(), m[0].data(), v[0].data(), top[0].data());
    sgd_step(sgd, n, grad.data(), w[0].data(), m[0].data());
    axpy(n, 0.3, grad.data(), w[0].data());
    reference::adam_step(adam, n, grad.data(), w[1].data(), m[1].data(), v[1].data(), top[1].data());
    reference::sgd_step(sgd, n, grad.data(), w[1].data(), m[1].data());
    reference::axpy(n, 0.3, grad.data(), w[1].data());
    for (size_t i = 0; i < w[0].size(); ++i) ASSERT_NEAR(w[0][i], w[1][i], 1e-14) << "n " << n << " at " << i;
  }
}

TEST_P(UpdateTest, StepsWithoutDecayKeepAnInfiniteWeight) {
  const float grad = 1.0f;
  float weight = kInfinity, first = 0.0f, second = 0.0f;
  SgdScalars<float> sgd;
  sgd.lr = 0.1f;
  sgd_step(sgd, 1, &grad, &weight, nullptr);
  EXPECT_EQ(weight, kInfinity);
  adam_step(AdamScalars<float>{}, 1, &grad, &weight, &first, &second, nullptr);
  EXPECT_EQ(weight, kInfinity);
}

TEST(ReferenceSteps, SgdWithNesterovMomentumFollowsTheFormula) {
  SgdScalars<double> s;
  s.lr = 0.5;
  s.momentum = 0.5;
  s.weight_decay = 0.25;
  s.one_minus_dampening = 1.0;
  s.nesterov = true;
  s.first_step = true;
  const double grad = 1.0;
  double weight = 4.0, buffer = 99.0;
  reference::sgd_step(s, 1, &grad, &weight, &buffer);
  EXPECT_EQ(buffer, 2.0);            // 1 + 0.25 * 4, the old buffer is not read
  EXPECT_EQ(weight, 4.0 - 0.5 * 3);  // g + 0.5 * buffer = 3
  s.first_step = false;
  s.maximize = true;
  reference::sgd_step(s, 1, &grad, &weight, &buffer);
  EXPECT_EQ(buffer, 0.625);               // 0.5 * 2 + (-1 + 0.25 * 2.5)
  EXPECT_EQ(weight, 2.5 + 0.5 * 0.0625);  // -0.375 + 0.5 * 0.625 = -0.0625
}

TEST(ReferenceSteps, AmsgradKeepsTheLargestSecondMoment) {
  AdamScalars<double> s;
  s.one_minus_beta1 = 0.5;
  s.beta2 = 0.5;
  s.one_minus_beta2 = 0.5;
  s.step_size = 1.0;
  s.bias_correction2_sqrt = 0.5;
  s.eps = 1.0;
  s.weight_multiplier = 0.5;
  const double grad = 2.0;
  double weight = 8.0, m = 0.0, v = 0.0, max_v = 4.0;
  reference::adam_step(s, 1, &grad, &weight, &m, &v, &max_v);
  EXPECT_EQ(m, 1.0);
  EXPECT_EQ(v, 2.0);
  EXPECT_EQ(max_v, 4.0);
  EXPECT_EQ(weight, 4.0 - 1.0 / 5.0);  // sqrt(4) / 0.5 + 1
}

}  // namespace
}  // namespace gossamer::kernels::update_test
