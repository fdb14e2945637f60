// Fixture of the tests that run once on every SIMD target of this machine, the fallback without vectors included.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>

#include "kernels/simd.h"
#include "kernels/simd_target.h"

// After kernels/simd.h, whose choice of targets it reads.
#include "hwy/highway.h"

namespace gossamer::kernels::testing {

class SimdTargetTest : public ::testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override {
    hwy::SetSupportedTargetsForTest(GetParam());
    ASSERT_STREQ(simd_target(), hwy::TargetName(GetParam()));
  }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

inline std::string target_name(const ::testing::TestParamInfo<int64_t>& info) { return hwy::TargetName(info.param); }

// Floats in [-scale, scale), also of doubles.
template <class Range>
void fill_uniform(Range&& values, uint32_t seed, float scale = 1) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  for (auto& value : values) value = scale * uniform(generator);
}

}  // namespace gossamer::kernels::testing

#define GOSSAMER_ON_EVERY_SIMD_TARGET(suite)                                                               \
  INSTANTIATE_TEST_SUITE_P(EveryTarget, suite, ::testing::ValuesIn(::hwy::SupportedAndGeneratedTargets()), \
                           ::gossamer::kernels::testing::target_name)
