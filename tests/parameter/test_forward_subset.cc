// Parameters whose forward pattern is a part of what they train, and what parameters tell about inputs and changes.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/error.h"
#include "gossamer/functional.h"
#include "gossamer/ops.h"
#include "gossamer/parameter.h"
#include "ops/csr/linear.h"
#include "parameter/access.h"
#include "tests/parameter/support.h"
#include "tests/support/golden.h"

namespace gossamer::test_forward_subset {
namespace {

using golden::expect_close;
using golden::expect_equal;
using test::contains;
using test::random_csr;
using test::random_pattern;
using test::select;
using test::uniform;

// Each connection of the pattern with the given probability.
std::shared_ptr<const CsrPattern> random_subset(const CsrPattern& pattern, double density, uint64_t key) {
  std::vector<int64_t> positions;
  for (const int64_t p : test::positions_of(pattern)) {
    if (random_double(key, static_cast<uint64_t>(p)) < density) positions.push_back(p);
  }
  return CsrPattern::from_positions(pattern.rows(), pattern.cols(), positions);
}

TEST(ForwardPattern, ProductsUseTheSubsetAndTheGradientCoversAllConnections) {
  uint64_t key = 0;
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const double density : {0.0, 0.2, 1.0}) {
      for (const double share : {0.0, 0.4, 1.0}) {
        for (const auto& [n, execution] : std::vector<std::pair<int64_t, Execution>>{
                 {1, Execution::Csr}, {5, Execution::Auto}, {70, Execution::Csr}, {70, Execution::Dense}}) {
          SCOPED_TRACE(testing::Message() << dtype_name(dtype) << ", " << density << ", " << share << ", n " << n);
          key += 10;
          const Parameter p = random_csr({30, 50}, density, key, dtype);
          p.set_execution(execution);
          const auto subset = random_subset(*p.pattern(), share, key + 1);
          p.set_forward_pattern(subset);
          EXPECT_EQ(p.forward_pattern(), subset);
          Tensor x = uniform({n, 50}, key + 2, dtype);
          x.set_requires_grad();
          const Tensor dy = uniform({n, 30}, key + 3, dtype);
          const Tensor y = linear(x, p);
          y.backward(dy);

          const Tensor w = select(p.dense(), subset->mask());
          expect_close(y.detach(), matmul(x.detach(), transpose(w, 0, 1)), 1e-4, 1e-5);
          expect_close(x.grad(), matmul(dy, w), 1e-4, 1e-5);
          expect_close(p.grad(), p.pattern()->gather(matmul(transpose(dy, 0, 1), x.detach())), 1e-4, 1e-5);
        }
      }
    }
  }
}

TEST(ForwardPattern, TheWholePatternAsSubsetGivesTheSameBits) {
  const Parameter p = random_csr({30, 50}, 0.3, 1);
  const Tensor x = uniform({40, 50}, 2);
  const Tensor dy = uniform({40, 30}, 3);
  linear(x, p).backward(dy);
  const Tensor expected = p.grad();
  const Tensor y = linear(x, p).detach();
  p.zero_grad();
  p.set_forward_pattern(p.pattern());
  const Tensor with_subset = linear(x, p);
  with_subset.backward(dy);
  expect_equal(with_subset.detach(), y);
  expect_equal(p.grad(), expected);
}

TEST(ForwardPattern, TheGeneralWayFollowsItToo) {
  const Parameter p = random_csr({6, 8}, 0.6, 4);
  const auto subset = random_subset(*p.pattern(), 0.5, 5);
  p.set_forward_pattern(subset);
  const Tensor w = p.tensor();
  expect_equal(w.detach(), select(p.dense(), subset->mask()));
  const Tensor dw = uniform({6, 8}, 6);
  w.backward(dw);
  expect_equal(p.grad(), p.pattern()->gather(dw));
}

TEST(ForwardPattern, IsClonedAndEndsWithAChangeOfThePattern) {
  const Parameter p = random_csr({6, 8}, 0.6, 7);
  p.set_forward_pattern(random_subset(*p.pattern(), 0.5, 8));
  EXPECT_EQ(p.clone().forward_pattern(), p.forward_pattern());
  p.apply(TopologyChange::between(*p.pattern(), p.pattern()));
  EXPECT_EQ(p.forward_pattern(), nullptr);
  p.set_forward_pattern(p.pattern());
  p.set_forward_pattern(nullptr);
  EXPECT_EQ(p.forward_pattern(), nullptr);
}

TEST(ForwardPattern, OutsideThePatternIsAnErrorThatChangesNothing) {
  const Parameter p = random_csr({6, 8}, 0.6, 9);
  const auto subset = random_subset(*p.pattern(), 0.5, 10);
  p.set_forward_pattern(subset);
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { p.set_forward_pattern(CsrPattern::full(6, 8)); }), "within"));
  EXPECT_THROW(p.set_forward_pattern(CsrPattern::full(8, 6)), ShapeError);
  EXPECT_EQ(p.forward_pattern(), subset);
  const Parameter dense(uniform({6, 8}, 11), "w");
  EXPECT_TRUE(contains(message_of<StateError>([&] { dense.set_forward_pattern(subset); }), "it is dense"));
  std::vector<int64_t> source = TopologyChange::between(*p.pattern(), subset).source;
  EXPECT_THROW(ForwardSubset("test", p.nnz(), subset, {}), ShapeError);
  EXPECT_THROW(ForwardSubset("test", p.nnz(), nullptr, {}), ShapeError);
  const auto of_another = std::make_shared<const ForwardSubset>("test", p.nnz() + 1, subset, source);
  EXPECT_THROW(
      csr_linear(uniform({2, 8}, 12), {.pattern = p.pattern(), .values = p.values(), .subset = of_another}, {}),
      ShapeError);
  for (const int64_t outside : {int64_t{-1}, p.nnz()}) {
    source.front() = outside;
    EXPECT_TRUE(contains(message_of<ConfigError>([&] { ForwardSubset("test", p.nnz(), subset, source); }), "within"));
  }
}

TEST(LastChange, CountsWhatStayedWentAndCame) {
  const Parameter p(uniform({2, 3}, 13), "w");
  EXPECT_EQ(p.last_change().changes, 0);
  const auto change_to = [&](const std::vector<int64_t>& positions) {
    p.apply(TopologyChange::between(*p.topology(), CsrPattern::from_positions(2, 3, positions)));
  };
  change_to({0, 1, 4});
  EXPECT_EQ(p.last_change().dropped, 3);
  change_to({1, 2, 3, 5});
  EXPECT_EQ(p.last_change().changes, 2);
  EXPECT_EQ(p.last_change().kept, 1);
  EXPECT_EQ(p.last_change().dropped, 2);
  EXPECT_EQ(p.last_change().grown, 3);
}

TEST(ObserveInputs, SeesTheInputOfEveryProductUntilItEnds) {
  for (const Parameter& p : {random_csr({3, 4}, 0.5, 14), Parameter(uniform({3, 4}, 15), "w")}) {
    std::vector<Tensor> seen;
    ParameterAccess::observe_inputs(p, [&](const Tensor& x) { seen.push_back(x); });
    const Tensor x = uniform({2, 5, 4}, 16);
    linear(x, p);
    EXPECT_THROW(linear(uniform({2, 5}, 17), p), ShapeError);
    ParameterAccess::observe_inputs(p, {});
    linear(x, p);
    ASSERT_EQ(seen.size(), 1U);
    expect_equal(seen[0], x);
  }
}

}  // namespace
}  // namespace gossamer::test_forward_subset
