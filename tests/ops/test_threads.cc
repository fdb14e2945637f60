// Results and gradients are the same bits for any number of threads.
#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "gossamer/runtime.h"
#include "tests/ops/samples/sample.h"
#include "tests/support/tensors.h"

namespace gossamer::test_threads {
namespace {

using samples::OpSample;

// The bits of the result and of the gradients of its inputs, one tensor after the other.
std::vector<std::vector<uint32_t>> run(int threads, const OpSample& sample) {
  std::vector<std::vector<uint32_t>> all;
  with_threads(threads, [&] {
    std::vector<Tensor> leaves;
    for (const Tensor& x : sample.large) leaves.push_back(x.clone().set_requires_grad());
    const Tensor result = sample.fn(leaves);
    result.backward(uniform(result.shape(), 77, DType::f32));
    for (const Tensor& x : leaves) all.push_back(to_bits(x.grad()));
    all.push_back(to_bits(result));
  });
  return all;
}

class ThreadsOf : public testing::TestWithParam<OpSample> {};

TEST_P(ThreadsOf, GiveTheSameBits) {
  const auto one = run(1, GetParam());
  for (const int threads : {2, 3, 8}) EXPECT_TRUE(run(threads, GetParam()) == one) << threads << " threads";
}

INSTANTIATE_TEST_SUITE_P(Ops, ThreadsOf, testing::ValuesIn(samples::all_large()), samples::name_of_sample);

TEST(Threads, AreTriedOnEveryOperation) {
  std::set<std::string> listed;
  std::set<std::string> tried;
  for (const OpSample& sample : samples::all()) listed.insert(sample.op);
  for (const OpSample& sample : samples::all_large()) tried.insert(sample.op);
  EXPECT_EQ(listed, tried);
}

}  // namespace
}  // namespace gossamer::test_threads
