// Parameter: its two storages, its gradients, the general way through the graph, and its life.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <sstream>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/error.h"
#include "gossamer/functional.h"
#include "gossamer/ops.h"
#include "gossamer/parameter.h"
#include "parameter/access.h"
#include "tests/parameter/support.h"
#include "tests/support/golden.h"

namespace gossamer::test_parameter {
namespace {

using golden::expect_close;
using golden::expect_equal;
using test::contains;
using test::random_csr;
using test::random_pattern;
using test::select;
using test::uniform;

TEST(Parameter, DenseStorageIsTheTensorItself) {
  const Tensor value = uniform({3, 4}, 1);
  const Parameter p(value, "fc.weight");
  EXPECT_EQ(p.name(), "fc.weight");
  EXPECT_EQ(p.shape(), Shape({3, 4}));
  EXPECT_TRUE(p.values().shares_storage_with(value));
  EXPECT_TRUE(p.requires_grad());
  EXPECT_FALSE(p.is_csr());
  EXPECT_EQ(p.nnz(), 12);
  EXPECT_EQ(p.sparsity(), 0);
  EXPECT_EQ(p.index_bytes(), 0);
  EXPECT_TRUE(p.topology()->is_full());
  expect_equal(p.mask(), Tensor::ones({3, 4}, DType::boolean));
}

TEST(Parameter, IsWrittenAsALine) {
  std::ostringstream out;
  out << Parameter(Tensor::zeros({2, 3}), "fc.weight");
  EXPECT_EQ(out.str(), "fc.weight: f32 [2, 3], dense");
  const auto pattern = CsrPattern::from_positions(2, 4, std::vector<int64_t>{1, 4, 6});
  EXPECT_EQ(Parameter::csr({2, 4}, pattern, Tensor::zeros({3}, DType::f64)).to_string(),
            "f64 [2, 4], CSR with 3 nonzeros (sparsity 62.50 %)");
  EXPECT_EQ(Parameter().to_string(), "an undefined parameter");
}

TEST(Parameter, CsrStorageHoldsTheNonzerosAlone) {
  for (const Shape& shape : {Shape{6, 10}, Shape{60}, Shape{3, 2, 2, 5}}) {
    const Parameter p = random_csr(shape, 0.3, 2);
    EXPECT_EQ(p.shape(), shape);
    EXPECT_EQ(p.numel(), 60);
    EXPECT_EQ(p.nnz(), p.pattern()->nnz());
    EXPECT_EQ(p.values().shape(), Shape({p.nnz()}));
    EXPECT_EQ(p.value_bytes(), 4 * p.nnz());
    EXPECT_GT(p.index_bytes(), 0);
    EXPECT_DOUBLE_EQ(p.sparsity(), 1 - static_cast<double>(p.nnz()) / 60);
    EXPECT_EQ(p.dense().shape(), shape);
    expect_equal(p.pattern()->gather(p.dense()), p.values());
    expect_equal(p.mask(), p.pattern()->mask().alias(shape));
  }
}

TEST(Parameter, GivesItsValuesAndGradientInRowMajorOrderToo) {
  const Parameter p = random_csr({300, 40}, 0.3, 5);
  EXPECT_FALSE(p.canonical_grad().defined());
  sum(mul(p.tensor(), p.tensor())).backward();
  const Tensor dense = p.dense();
  const Csr csr = p.pattern()->csr();
  const Tensor values = p.canonical_values();
  const Tensor grad = p.canonical_grad();
  for (int64_t row = 0; row < 300; ++row) {
    for (int64_t i = csr.row_ptr[static_cast<size_t>(row)]; i < csr.row_ptr[static_cast<size_t>(row + 1)]; ++i) {
      const float w = dense.data<float>()[row * 40 + csr.col_idx[static_cast<size_t>(i)]];
      ASSERT_EQ(values.data<float>()[i], w);
      ASSERT_EQ(grad.data<float>()[i], 2 * w);
    }
  }
  const Parameter full(uniform({2, 3}, 1));
  expect_equal(full.canonical_values(), full.values().alias({6}));
}

TEST(Parameter, OnlyFloatingValuesCanBeTrained) {
  EXPECT_THROW(Parameter(Tensor::zeros({2}, DType::i64)), DTypeError);
  EXPECT_THROW(Parameter(Tensor::zeros({2}, DType::boolean)), DTypeError);
  EXPECT_THROW(Parameter{Tensor()}, DTypeError);
}

TEST(Parameter, CsrRefusesAPatternOrValuesOfAnotherSize) {
  const auto pattern = random_pattern(3, 4, 0.5, 3);
  EXPECT_THROW(Parameter::csr({4, 3}, pattern, Tensor::zeros({pattern->nnz()})), ShapeError);
  EXPECT_THROW(Parameter::csr({3, 4}, nullptr, Tensor::zeros({1})), ShapeError);
  EXPECT_THROW(Parameter::csr({3, 4}, pattern, Tensor::zeros({pattern->nnz() + 1})), ShapeError);
  EXPECT_THROW(Parameter::csr({3, 4}, pattern, Tensor()), ShapeError);
  EXPECT_THROW(Parameter::csr({3, 4}, pattern, Tensor::zeros({pattern->nnz()}, DType::i32)), DTypeError);
}

TEST(Parameter, AnUndefinedHandleSaysSoWhateverIsAsked) {
  const Parameter p;
  EXPECT_FALSE(p.defined());
  EXPECT_THROW(p.name(), StateError);
  EXPECT_THROW(p.shape(), StateError);
  EXPECT_THROW(p.values(), StateError);
  EXPECT_THROW(p.pattern(), StateError);
  EXPECT_THROW(p.zero_grad(), StateError);
  EXPECT_THROW(p.clone(), StateError);
  EXPECT_THROW(ParameterAccess::make_slot_array(p), StateError);
  EXPECT_THROW(p.set_requires_dense(), StateError);
}

TEST(Parameter, CopiesNameOneParameterAndOutliveEachOther) {
  Parameter copy;
  {
    const Parameter p = random_csr({5, 5}, 0.5, 4);
    copy = p;
    p.set_name("renamed");
    EXPECT_EQ(copy, p);
    EXPECT_EQ(copy.id(), p.id());
  }
  EXPECT_EQ(copy.name(), "renamed");
  sum(copy.tensor()).backward();
  expect_equal(copy.grad(), Tensor::ones({copy.nnz()}));
  EXPECT_FALSE(copy == random_csr({5, 5}, 0.5, 4));
}

TEST(Parameter, CloneSharesNothingThatChanges) {
  const Parameter p = random_csr({5, 5}, 0.5, 5);
  p.set_requires_grad(false);
  p.values().set_grad({});
  const Parameter q = p.clone();
  EXPECT_FALSE(q == p);
  EXPECT_EQ(q.name(), p.name());
  EXPECT_EQ(q.pattern(), p.pattern());
  EXPECT_FALSE(q.requires_grad());
  expect_equal(q.values(), p.values());
  EXPECT_FALSE(q.values().shares_storage_with(p.values()));
  EXPECT_NE(&ParameterAccess::tap(q), &ParameterAccess::tap(p));
  q.apply(TopologyChange::between(*q.pattern(), random_pattern(5, 5, 0.1, 6)));
  EXPECT_NE(q.pattern(), p.pattern());

  const Parameter dense(uniform({2, 2}, 7));
  dense.set_requires_dense();
  sum(dense.tensor()).backward();
  EXPECT_TRUE(dense.clone().requires_dense());
  EXPECT_FALSE(dense.clone().grad().defined());
}

TEST(Parameter, RequiresDenseOnACsrParameterIsAnErrorThatNamesIt) {
  const Parameter p = random_csr({3, 3}, 0.5, 8, DType::f32, "fc.weight");
  EXPECT_TRUE(contains(message_of<StateError>([&] { p.set_requires_dense(); }), "fc.weight"));
  EXPECT_FALSE(p.requires_dense());
  p.set_requires_dense(false);
  EXPECT_FALSE(p.requires_dense());
}

TEST(Parameter, ZeroGradDropsTheGradientAndWhatWasRetainedForGrowth) {
  const Parameter p = random_csr({4, 3}, 0.5, 9);
  ParameterAccess::tap(p).arm(GradientTap::Retain::Uses);
  sum(linear(uniform({2, 3}, 10), p)).backward();
  EXPECT_TRUE(p.grad().defined());
  EXPECT_FALSE(ParameterAccess::tap(p).empty());
  p.zero_grad();
  EXPECT_FALSE(p.grad().defined());
  EXPECT_TRUE(ParameterAccess::tap(p).empty());
}

TEST(Parameter, GradientBytesAreThoseOfTheNonzeros) {
  const Parameter p = random_csr({40, 30}, 0.1, 11);
  EXPECT_EQ(p.grad_bytes(), 0);
  sum(linear(uniform({2, 30}, 12), p)).backward();
  EXPECT_EQ(p.grad_bytes(), 4 * p.nnz());
}

TEST(Parameter, AClaimLastsAsLongAsItsToken) {
  const Parameter p(uniform({2}, 13));
  EXPECT_FALSE(ParameterAccess::is_claimed(p));
  for (const bool changes : {false, true}) {
    const auto token = std::make_shared<const int>(0);
    ParameterAccess::claim(p, token, changes);
    EXPECT_TRUE(ParameterAccess::is_claimed(p));
    EXPECT_EQ(ParameterAccess::is_changed(p), changes);
  }
  EXPECT_FALSE(ParameterAccess::is_claimed(p));
  EXPECT_FALSE(ParameterAccess::is_changed(p));
}

// ---- The general way ----

// Value and gradient of `p` in sum(weights * p^2), through tensor() and through a masked dense leaf.
TEST(GeneralWay, EqualsTheMaskedDenseTensorForAnyRank) {
  uint64_t key = 100;
  for (const Shape& shape : {Shape{}, Shape{17}, Shape{1}, Shape{6, 9}, Shape{3, 2, 4, 5}, Shape{0, 4}}) {
    for (const double density : {0.0, 0.3, 1.0}) {
      SCOPED_TRACE(testing::Message() << shape.to_string() << " at " << density);
      key += 10;
      const Parameter p = random_csr(shape, density, key, DType::f64);
      const Tensor factor = uniform(shape, key + 2, DType::f64);
      Tensor dense = p.dense();
      dense.set_requires_grad();
      const Tensor mask = p.mask().to(DType::f64);

      const Tensor w = p.tensor();
      EXPECT_EQ(w.shape(), shape);
      expect_equal(w, p.dense());
      sum(mul(factor, mul(w, w))).backward();
      sum(mul(factor, mul(mul(dense, mask), mul(dense, mask)))).backward();
      ASSERT_EQ(p.grad().shape(), Shape({p.nnz()}));
      expect_close(test::densify(p, p.grad()), dense.grad(), 1e-14, 0);
    }
  }
}

TEST(GeneralWay, ANaNGradientAtAPrunedPositionDoesNotLeak) {
  const auto pattern = CsrPattern::from_positions(2, 3, std::vector<int64_t>{1, 5});
  const Parameter p = Parameter::csr({2, 3}, pattern, Tensor::from<float>({2, 3}, {2}));
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInf = std::numeric_limits<float>::infinity();
  const Tensor factor = Tensor::from<float>({kNaN, 4, kInf, kNaN, -kInf, 6}, {2, 3});
  p.tensor().backward(factor);
  expect_equal(p.grad(), pattern->gather(factor));
  EXPECT_TRUE(std::isfinite(sum(p.grad()).item<float>()));
}

TEST(GeneralWay, TheDenseFormLivesNoLongerThanTheGraph) {
  const Parameter p = random_csr({8, 8}, 0.2, 300);
  const Tensor before = p.values();
  Tensor loss = sum(p.tensor());
  loss.backward();
  loss = Tensor();
  EXPECT_TRUE(p.values().shares_storage_with(before));
  EXPECT_EQ(p.value_bytes(), 4 * p.nnz());
}

TEST(GeneralWay, ACsrBiasReachesLinear) {
  const Parameter weight(uniform({5, 4}, 310, DType::f64), "weight");
  const Parameter bias = random_csr({5}, 0.5, 311, DType::f64);
  ASSERT_GT(bias.nnz(), 0);
  ASSERT_LT(bias.nnz(), 5);
  const Tensor x = uniform({3, 4}, 312, DType::f64);
  const Tensor y = linear(x, weight, bias);
  expect_equal(y, linear(x, weight.values().detach(), bias.dense()));
  sum(y).backward();
  expect_equal(bias.grad(), Tensor::full({bias.nnz()}, 3, DType::f64));
}

TEST(GeneralWay, AFrozenParameterRecordsNothing) {
  const Parameter p = random_csr({3, 3}, 0.5, 320);
  p.set_requires_grad(false);
  EXPECT_FALSE(p.tensor().requires_grad());
  p.apply(TopologyChange::between(*p.pattern(), random_pattern(3, 3, 0.5, 321)));
  EXPECT_FALSE(p.requires_grad());
}

// ---- Graphs ----

TEST(ParameterGraph, AParameterUsedTwiceSumsItsGradients) {
  for (const double density : {0.4, 1.0}) {
    const Parameter p = random_csr({6, 6}, density, 400, DType::f64);
    const Tensor x = uniform({3, 6}, 402, DType::f64);
    // Once through the kernel twice in a row, once the general way.
    sum(linear(linear(x, p), p) * linear(x, p.tensor())).backward();

    Tensor w = p.dense();
    w.set_requires_grad();
    sum(linear(linear(x, w), w) * linear(x, w)).backward();
    expect_close(test::densify(p, p.grad()), select(w.grad(), p.mask()), 1e-12, 1e-13);
  }
}

TEST(ParameterGraph, BackwardAfterThePatternChangedIsAStateErrorThatChangesNoGradient) {
  const Parameter changed = random_csr({4, 3}, 0.5, 410, DType::f32, "changed");
  const Parameter other = random_csr({4, 3}, 0.5, 411, DType::f32, "other");
  const Tensor x = uniform({2, 3}, 412);
  for (const bool general : {false, true}) {
    changed.zero_grad();
    const Tensor y = general ? linear(x, changed.tensor()) : linear(x, changed);
    const Tensor loss = sum(y * linear(x, other));
    changed.apply(TopologyChange::between(*changed.pattern(), random_pattern(4, 3, 0.5, general ? 413 : 414)));
    EXPECT_TRUE(contains(message_of<StateError>([&] { loss.backward(); }), "'changed' changed since the forward pass"));
    EXPECT_FALSE(changed.grad().defined());
    EXPECT_FALSE(other.grad().defined());
  }
  sum(linear(x, changed)).backward();
  EXPECT_EQ(changed.grad().numel(), changed.nnz());
}

TEST(ParameterGraph, AGraphMayOutliveItsParameter) {
  Tensor loss;
  Tensor x = uniform({2, 3}, 420);
  x.set_requires_grad();
  Tensor expected;
  {
    const Parameter p = random_csr({4, 3}, 0.5, 421);
    loss = sum(linear(x, p));
    expected = linear(Tensor::ones({2, 4}), transpose(p.dense(), 0, 1));
  }
  loss.backward();
  expect_close(x.grad(), expected);
}

TEST(Parameter, ComputesInTheWayThatWasSetAndItsCloneToo) {
  const Parameter p = random_csr({30, 40}, 0.5, 1);
  EXPECT_EQ(p.execution(), Execution::Auto);
  const Tensor x = uniform({64, 40}, 2);
  const auto product = [&](Execution execution) {
    return csr_linear(x, p.pattern(), p.values(), {}, {.execution = execution});
  };
  for (const Execution execution : {Execution::Csr, Execution::Dense}) {
    p.set_execution(execution);
    EXPECT_EQ(p.clone().execution(), execution);
    golden::expect_equal(linear(x, p), product(execution));
  }
}

}  // namespace
}  // namespace gossamer::test_parameter
