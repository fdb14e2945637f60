// The choice of the SIMD target. A program of its own: the first operation fixes it.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/ops.h"
#include "gossamer/runtime.h"
#include "tests/support/errors.h"

namespace gossamer::test_simd_target {
namespace {

TEST(SimdTarget, IsTheBestUntilAnotherIsSetBeforeTheFirstOperation) {
  const std::vector<std::string> targets = simd_targets();
  ASSERT_FALSE(targets.empty());
  EXPECT_EQ(simd_target(), targets.front());
  EXPECT_NE(message_of<ConfigError>([] { set_simd_target("AVX9"); }).find(targets.front()), std::string::npos);

  set_simd_target(targets.back());
  EXPECT_EQ(simd_target(), targets.back());
  EXPECT_EQ(simd_targets(), (std::vector<std::string>{targets.back()}));

  EXPECT_EQ(exp(Tensor::zeros({3})).at(2), 1.0);
  set_simd_target(targets.back());  // as it is
  EXPECT_NE(message_of<StateError>([] { set_simd_target("AVX9"); }).find("GOSSAMER_SIMD"), std::string::npos);
}

}  // namespace
}  // namespace gossamer::test_simd_target
