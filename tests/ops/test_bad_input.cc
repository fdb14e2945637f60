// What operations refuse: the type of the exception, the form of its message, and operands that stay as they are.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "gossamer/tensor.h"
#include "tests/ops/samples/sample.h"
#include "tests/support/bad_input.h"

namespace gossamer::test_bad_input {
namespace {

using samples::OpSample;

class Refused : public testing::TestWithParam<BadInput> {};

TEST_P(Refused, WithATypedErrorThatSaysWhatMustHold) { expect_refused(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Ops, Refused, testing::ValuesIn(samples::all_bad_inputs()), name_of_bad_input);

class RefusedOperandOf : public testing::TestWithParam<OpSample> {};

TEST_P(RefusedOperandOf, ThatIsUndefinedIsAStateError) {
  std::vector<Tensor> inputs = GetParam().inputs;
  inputs[0] = Tensor();
  expect_refused({GetParam().op, "undefined", Thrown::State, [&] { GetParam().fn(inputs); }});
}

std::vector<OpSample> one_of_each() {
  std::vector<OpSample> list = samples::all_small();
  std::set<std::string> seen;
  std::erase_if(list, [&](const OpSample& s) { return !seen.insert(s.op).second; });
  return list;
}

const auto kSampleName = [](const testing::TestParamInfo<OpSample>& sample) { return sample.param.op; };
INSTANTIATE_TEST_SUITE_P(Ops, RefusedOperandOf, testing::ValuesIn(one_of_each()), kSampleName);

}  // namespace
}  // namespace gossamer::test_bad_input
