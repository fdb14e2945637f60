// Changes of topology: what continues, what starts at zero, and what happens when the change is wrong.
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/error.h"
#include "gossamer/ops.h"
#include "gossamer/parameter.h"
#include "parameter/access.h"
#include "tests/parameter/support.h"
#include "tests/support/golden.h"

namespace gossamer::test_topology {
namespace {

using golden::expect_equal;
using test::contains;
using test::densify;
using test::random_csr;
using test::random_pattern;
using test::select;
using test::uniform;

std::map<int64_t, int64_t> slot_of_position(const CsrPattern& pattern) {
  std::map<int64_t, int64_t> slots;
  pattern.for_each([&](const SlotPosition& p) { slots[p.row * pattern.cols() + p.col] = p.slot; });
  return slots;
}

TEST(TopologyChange, ContinuesExactlyThePositionsThatBothPatternsHave) {
  uint64_t key = 100;
  for (const MatrixSize size : {MatrixSize{1, 1}, {1, 70}, {70, 1}, {7, 13}, {64, 64}, {90, 150}, {0, 5}, {5, 0}}) {
    for (const double before : {0.0, 0.01, 0.1, 0.5, 0.9, 1.0}) {
      for (const double after : {0.0, 0.01, 0.1, 0.5, 0.9, 1.0}) {
        SCOPED_TRACE(testing::Message() << size.rows << " x " << size.cols << ", " << before << " -> " << after);
        const auto from = random_pattern(size.rows, size.cols, before, ++key);
        const auto to = random_pattern(size.rows, size.cols, after, ++key);
        const TopologyChange change = TopologyChange::between(*from, to);
        ASSERT_EQ(change.pattern, to);
        const auto old_slots = slot_of_position(*from);
        std::vector<int64_t> expected(static_cast<size_t>(to->nnz()));
        for (const auto& [position, slot] : slot_of_position(*to)) {
          const auto old = old_slots.find(position);
          expected[static_cast<size_t>(slot)] = old == old_slots.end() ? -1 : old->second;
        }
        EXPECT_EQ(change.source, expected);
      }
    }
  }
}

TEST(TopologyChange, WithoutASourceContinuesWhatBothPatternsHave) {
  uint64_t key = 900;
  for (const double before : {0.0, 0.4, 1.0}) {
    for (const double after : {0.0, 0.3, 1.0}) {
      const Parameter p = random_csr({9, 14}, before, ++key);
      const Parameter q = p.clone();
      const auto to = random_pattern(9, 14, after, ++key);
      p.apply({to});
      q.apply(TopologyChange::between(*q.pattern(), to));
      EXPECT_EQ(p.pattern(), to);
      expect_equal(p.values(), q.values());
    }
  }
}

TEST(TopologyChange, BetweenPatternsOfDifferentSizesIsAShapeError) {
  const auto from = random_pattern(3, 4, 0.5, 1);
  EXPECT_TRUE(contains(message_of<ShapeError>([&] { TopologyChange::between(*from, random_pattern(4, 3, 0.5, 2)); }),
                       "must be 3 x 4; 4 x 3"));
  EXPECT_THROW(TopologyChange::between(*from, nullptr), ShapeError);
}

// A parameter with a gradient and two slot arrays, all random.
struct Trained {
  Parameter parameter;
  std::shared_ptr<SlotArray> first;
  std::shared_ptr<SlotArray> second;

  Trained(const Parameter& p, uint64_t key)
      : parameter(p), first(ParameterAccess::make_slot_array(p)), second(ParameterAccess::make_slot_array(p)) {
    p.values().set_grad(uniform(p.values().shape(), key, p.dtype()));
    first->data.copy_from(uniform(p.values().shape(), key + 1, p.dtype()));
    second->data.copy_from(uniform(p.values().shape(), key + 2, p.dtype()));
  }
  std::vector<Tensor> dense() const {
    return {parameter.dense(), densify(parameter, parameter.grad()), densify(parameter, first->data),
            densify(parameter, second->data)};
  }
};

TEST(ParameterApply, SurvivorsKeepValueGradientAndStatesNewOnesStartAtZeroDroppedOnesAreGone) {
  uint64_t key = 1000;
  for (const Shape& shape : {Shape{40, 30}, Shape{50}, Shape{4, 3, 2, 5}, Shape{}, Shape{0, 3}}) {
    const MatrixSize size = as_matrix(shape);
    for (const DType dtype : {DType::f32, DType::f64}) {
      for (const double before : {0.0, 0.2, 1.0}) {
        for (const double after : {0.0, 0.2, 1.0}) {
          SCOPED_TRACE(testing::Message() << shape.to_string() << ", " << before << " -> " << after);
          key += 10;
          const Trained t(random_csr(shape, before, key, dtype), key + 2);
          const std::vector<Tensor> old = t.dense();
          t.parameter.apply(
              TopologyChange::between(*t.parameter.pattern(), random_pattern(size.rows, size.cols, after, key + 6)));
          const std::vector<Tensor> now = t.dense();
          // Pruned elements were 0 before: what survives is what both masks have.
          for (size_t i = 0; i < old.size(); ++i) expect_equal(now[i], select(old[i], t.parameter.mask()));
          EXPECT_EQ(t.parameter.values().shape(), Shape({t.parameter.nnz()}));
          EXPECT_EQ(t.parameter.grad().shape(), Shape({t.parameter.nnz()}));
          EXPECT_TRUE(t.parameter.requires_grad());
        }
      }
    }
  }
}

TEST(ParameterApply, MakesADenseParameterCsr) {
  for (const Shape& shape : {Shape{6, 5}, Shape{9}, Shape{2, 3, 4}}) {
    const MatrixSize size = as_matrix(shape);
    const Trained t(Parameter(uniform(shape, 7), "w"), 8);
    const std::vector<Tensor> old = t.dense();
    t.parameter.apply(TopologyChange::between(*t.parameter.topology(), random_pattern(size.rows, size.cols, 0.4, 11)));
    ASSERT_TRUE(t.parameter.is_csr());
    EXPECT_EQ(t.parameter.shape(), shape);
    const std::vector<Tensor> now = t.dense();
    for (size_t i = 0; i < old.size(); ++i) expect_equal(now[i], select(old[i], t.parameter.mask()));
  }
}

TEST(ParameterApply, AConnectionDroppedAndGrownAgainInOneChangeIsASurvivor) {
  const Trained t(Parameter::csr({2, 2}, CsrPattern::from_positions(2, 2, std::vector<int64_t>{0, 3}),
                                 Tensor::from<float>({1, 2}, {2})),
                  5);
  const std::vector<Tensor> old = t.dense();
  // Position 3 went to the absent ones and came back from there: the change only knows the patterns.
  t.parameter.apply(
      TopologyChange::between(*t.parameter.pattern(), CsrPattern::from_positions(2, 2, std::vector<int64_t>{1, 3})));
  const std::vector<Tensor> now = t.dense();
  for (size_t i = 0; i < old.size(); ++i) {
    EXPECT_EQ(now[i].data<float>()[3], old[i].data<float>()[3]);
    EXPECT_EQ(now[i].data<float>()[1], 0);
    EXPECT_EQ(now[i].data<float>()[0], 0);
  }
}

TEST(ParameterApply, WrongChangesAreRefusedAndChangeNothing) {
  const Trained t(random_csr({4, 6}, 0.5, 21), 30);
  const auto pattern = t.parameter.pattern();
  const std::vector<Tensor> old = t.dense();
  const auto refuse = [&]<class E>(const TopologyChange& change, std::string_view reason) {
    EXPECT_TRUE(contains(message_of<E>([&] { t.parameter.apply(change); }), reason));
    EXPECT_EQ(t.parameter.pattern(), pattern);
    const std::vector<Tensor> now = t.dense();
    for (size_t i = 0; i < old.size(); ++i) expect_equal(now[i], old[i]);
  };
  const TopologyChange good = TopologyChange::between(*pattern, random_pattern(4, 6, 0.5, 40));
  ASSERT_GT(good.source.size(), 1U);

  refuse.operator()<StateError>({nullptr, good.source}, "must have a pattern");
  refuse.operator()<ShapeError>({random_pattern(6, 4, 0.5, 41), good.source}, "4 x 6");
  TopologyChange bad = good;
  bad.source.pop_back();
  refuse.operator()<ShapeError>(bad, "one per slot");
  bad = good;
  bad.source[1] = pattern->nnz();
  refuse.operator()<ConfigError>(bad, "source must name old slots");
  bad.source[1] = -2;
  refuse.operator()<ConfigError>(bad, "-2");
}

TEST(ParameterApply, LeavesArraysThatTheirOwnersDroppedBehind) {
  const Parameter p = random_csr({8, 8}, 0.5, 50);
  auto kept = ParameterAccess::make_slot_array(p);
  ParameterAccess::make_slot_array(p);
  p.apply(TopologyChange::between(*p.pattern(), random_pattern(8, 8, 0.25, 51)));
  EXPECT_EQ(kept->data.numel(), p.nnz());
}

TEST(ParameterApply, AnArrayOutlivesItsParameter) {
  std::shared_ptr<SlotArray> array;
  {
    const Parameter p = random_csr({8, 8}, 0.5, 52);
    array = ParameterAccess::make_slot_array(p);
  }
  array->data.fill(3);
  EXPECT_EQ(array->data.data<float>()[0], 3);
}

TEST(ParameterAssign, GoesFromDenseToCsrAndBack) {
  for (const Shape& shape : {Shape{5, 7}, Shape{11}, Shape{2, 3, 4, 2}}) {
    const MatrixSize size = as_matrix(shape);
    const Parameter p(uniform(shape, 60), "w");
    const auto array = ParameterAccess::make_slot_array(p);
    array->data.fill(2);
    p.values().set_grad(uniform(shape, 61));

    const auto pattern = random_pattern(size.rows, size.cols, 0.4, 62);
    const Tensor sparse = uniform(shape, 63);
    p.assign(sparse, pattern);
    ASSERT_EQ(p.pattern(), pattern);
    expect_equal(p.dense(), select(sparse, p.mask()));
    EXPECT_FALSE(p.grad().defined());
    expect_equal(array->data, Tensor::full({pattern->nnz()}, 2));

    const Tensor dense = uniform(shape, 64);
    p.assign(dense, nullptr);
    EXPECT_FALSE(p.is_csr());
    expect_equal(p.values(), dense);
    EXPECT_FALSE(p.values().shares_storage_with(dense));
    EXPECT_TRUE(p.requires_grad());
    // What was pruned starts anew, what survived goes on; the array has the parameter's shape again.
    expect_equal(array->data, select(Tensor::full(shape, 2), pattern->mask().alias(shape)));
    sum(p.tensor()).backward();
    expect_equal(p.grad(), Tensor::ones(shape));
  }
}

TEST(ParameterAssign, OfRowMajorValuesIsThatOfTheDenseTensorWhichHoldsThem) {
  for (const Shape& shape : {Shape{5, 7}, Shape{11}, Shape{2, 3, 4, 2}}) {
    const MatrixSize size = as_matrix(shape);
    const auto pattern = random_pattern(size.rows, size.cols, 0.4, 62);
    const Tensor dense = uniform(shape, 63);
    const Tensor mask = pattern->mask();
    std::vector<float> values;
    for (int64_t i = 0; i < dense.numel(); ++i) {
      if (mask.data<bool>()[i]) values.push_back(dense.data<float>()[i]);
    }
    for (const Parameter& p : {Parameter(uniform(shape, 60), "w"), random_csr(shape, 0.5, 61)}) {
      const auto array = ParameterAccess::make_slot_array(p);
      array->data.fill(2);
      const Parameter expected = p.clone();
      const auto expected_array = ParameterAccess::make_slot_array(expected);
      expected_array->data.fill(2);
      p.values().set_grad(Tensor::ones(p.values().shape()));
      p.assign_canonical(Tensor::from(values, {pattern->nnz()}), pattern);
      expected.assign(dense, pattern);
      EXPECT_EQ(p.pattern(), pattern);
      expect_equal(p.values(), expected.values());
      expect_equal(array->data, expected_array->data);
      EXPECT_FALSE(p.grad().defined());
      EXPECT_TRUE(p.requires_grad());
    }
  }
}

TEST(ParameterAssign, WrongValuesAreRefusedAndChangeNothing) {
  const Parameter p = random_csr({4, 6}, 0.5, 70);
  const auto pattern = p.pattern();
  const Tensor before = p.dense();
  EXPECT_THROW(p.assign(uniform({6, 4}, 71), nullptr), ShapeError);
  EXPECT_THROW(p.assign(Tensor(), nullptr), ShapeError);
  EXPECT_THROW(p.assign(uniform({4, 6}, 71, DType::f64), nullptr), DTypeError);
  EXPECT_THROW(p.assign(uniform({4, 6}, 71), random_pattern(6, 4, 0.5, 72)), ShapeError);
  const auto other = random_pattern(4, 6, 0.5, 72);
  EXPECT_THROW(p.assign_canonical(uniform({other->nnz()}, 71), nullptr), StateError);
  EXPECT_THROW(p.assign_canonical(uniform({other->nnz() + 1}, 71), other), ShapeError);
  EXPECT_THROW(p.assign_canonical(uniform({4, 6}, 71), other), ShapeError);
  EXPECT_THROW(p.assign_canonical(Tensor(), other), ShapeError);
  EXPECT_THROW(p.assign_canonical(uniform({other->nnz()}, 71, DType::f64), other), DTypeError);
  EXPECT_THROW(p.assign_canonical(uniform({other->nnz()}, 71), random_pattern(6, 4, 0.5, 72)), ShapeError);
  EXPECT_EQ(p.pattern(), pattern);
  expect_equal(p.dense(), before);
}

}  // namespace
}  // namespace gossamer::test_topology
