// Every allocation of every operation fails in turn, forward and backward.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "gossamer/runtime.h"
#include "tests/failure/world.h"
#include "tests/ops/samples/sample.h"

namespace gossamer::test::test_operations {
namespace {

using samples::OpSample;

class FailedOperation : public testing::TestWithParam<OpSample> {};

TEST_P(FailedOperation, LeavesOperandsAndGradientsAsTheyWere) {
  const OpSample sample = GetParam();
  fail_every_allocation([&] {
    const auto leaves = std::make_shared<std::vector<Tensor>>();
    for (const Tensor& x : sample.inputs) leaves->push_back(x.clone().set_requires_grad());
    // On one thread, since each keeps scratch of its own.
    const auto act = [=] {
      const Tensor y = sample.fn(*leaves);
      y.backward(Tensor::ones(y.shape(), y.dtype()));
    };
    return Scene{[=] { with_threads(1, act); },
                 [=] {
                   std::string digest;
                   for (const Tensor& x : *leaves) {
                     digest += bytes_of(x);
                     digest += x.grad().defined() ? bytes_of(x.grad()) : "none";
                   }
                   return digest;
                 }};
  });
}

INSTANTIATE_TEST_SUITE_P(Ops, FailedOperation, testing::ValuesIn(samples::all_small()), samples::name_of_sample);

}  // namespace
}  // namespace gossamer::test::test_operations
