// The gradient of every operation against central differences in f64.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "gossamer/gradcheck.h"
#include "tests/ops/samples/sample.h"
#include "tests/support/tensors.h"

namespace gossamer::test_gradients {
namespace {

using samples::OpSample;

class GradientOf : public testing::TestWithParam<OpSample> {};

TEST_P(GradientOf, MatchesCentralDifferences) {
  const GradCheckResult result = gradcheck(GetParam().fn, GetParam().inputs);
  EXPECT_TRUE(result) << result.message;
}

// A node may skip what an input without a gradient would need: the others must not change.
TEST_P(GradientOf, IsTheSameForOneInputAlone) {
  const auto gradient_of = [](size_t wanted, bool others) {
    std::vector<Tensor> inputs;
    for (const Tensor& x : GetParam().inputs) inputs.push_back(x.clone());
    for (size_t i = 0; i < inputs.size(); ++i) inputs[i].set_requires_grad(others || i == wanted);
    const Tensor result = GetParam().fn(inputs);
    result.backward(uniform(result.shape(), 5));
    return to_vector<double>(inputs[wanted].grad());
  };
  for (size_t i = 0; i < GetParam().inputs.size(); ++i) EXPECT_EQ(gradient_of(i, false), gradient_of(i, true));
}

INSTANTIATE_TEST_SUITE_P(Ops, GradientOf, testing::ValuesIn(samples::all_small()), samples::name_of_sample);

}  // namespace
}  // namespace gossamer::test_gradients
