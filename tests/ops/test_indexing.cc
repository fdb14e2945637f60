// index_select, gather, scatter_add, scatter and one_hot against loops over their definitions.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/ops.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/tensors.h"

namespace gossamer::test_indexing {
namespace {

Tensor counting(const Shape& shape, DType dtype = DType::f32) {
  return reshape(arange({.end = static_cast<double>(shape.numel())}), shape).to(dtype);
}

Tensor indices(std::initializer_list<int64_t> values, const Shape& shape) { return Tensor::from(values, shape); }

TEST(IndexSelect, TakesSlicesOfAnyDimensionAndDtype) {
  const Tensor x = counting({2, 3}, DType::i32);
  golden::expect_equal(index_select(x, 0, indices({1, 1, 0}, {3})),
                       Tensor::from<int32_t>({3, 4, 5, 3, 4, 5, 0, 1, 2}, {3, 3}));
  golden::expect_equal(index_select(x, -1, indices({2, 0}, {2}).to(DType::i32)),
                       Tensor::from<int32_t>({2, 0, 5, 3}, {2, 2}));
  EXPECT_EQ(index_select(x, 0, indices({}, {0})).shape(), Shape({0, 3}));
}

// An index tensor that is smaller than x along the other dimensions, and longer along its own.
struct Example {
  Tensor x;
  int dim;
  Tensor index;
};
std::vector<Example> examples() {
  std::vector<Example> list;
  for (int dim = 0; dim < 3; ++dim) {
    for (const Shape& shape : {Shape{3, 4, 5}, Shape{2, 3, 4}}) {
      std::vector<int64_t> sizes(shape.begin(), shape.end());
      sizes[static_cast<size_t>(dim)] = 7;
      list.push_back(
          {uniform({3, 4, 5}, 1, DType::f64), dim, uniform(Shape(sizes), 2, DType::f64, 0, 3).to(DType::i64)});
    }
  }
  return list;
}

// Calls f(offset in x, offset in the index) in the order of the index.
template <class F>
void for_each(const Example& e, F&& f) {
  const Shape& s = e.index.shape();
  for (int64_t at = 0; at < e.index.numel(); ++at) {
    std::vector<int64_t> place{at / (s[1] * s[2]), at / s[2] % s[1], at % s[2]};
    place[static_cast<size_t>(e.dim)] = e.index.data<int64_t>()[at];
    f((place[0] * 4 + place[1]) * 5 + place[2], at);
  }
}

TEST(Gather, FollowsItsDefinition) {
  for (const Example& e : examples()) {
    Tensor expected = Tensor::empty(e.index.shape(), DType::f64);
    for_each(e, [&](int64_t in_x, int64_t at) { expected.mutable_data<double>()[at] = e.x.data<double>()[in_x]; });
    golden::expect_equal(gather(e.x, e.dim - 3, e.index), expected);
    golden::expect_equal(gather(e.x.to(DType::i32), e.dim, e.index.to(DType::i32)), expected.to(DType::i32));
  }
}

TEST(ScatterAdd, AddsInTheOrderOfTheIndex) {
  for (const Example& e : examples()) {
    const Tensor source = uniform(e.index.shape(), 3, DType::f64);
    Tensor expected = e.x.clone();
    for_each(e, [&](int64_t in_x, int64_t at) { expected.mutable_data<double>()[in_x] += source.data<double>()[at]; });
    golden::expect_equal(scatter_add(e.x, e.dim, e.index, source), expected);
  }
}

TEST(Scatter, KeepsTheLastOfSeveral) {
  for (const Example& e : examples()) {
    const Tensor source = counting(e.index.shape(), DType::i64);
    Tensor expected = e.x.to(DType::i64);
    Tensor result = scatter(expected, e.dim, e.index, source);
    for_each(e, [&](int64_t in_x, int64_t at) { expected.mutable_data<int64_t>()[in_x] = at; });
    golden::expect_equal(result, expected);
  }
}

TEST(Scatter, GivesTheGradientToWhatStayed) {
  Tensor x = Tensor::ones({3}).set_requires_grad();
  Tensor source = Tensor::ones({3}).set_requires_grad();
  scatter(x, 0, indices({2, 0, 2}, {3}), source).backward(Tensor::from<float>({5, 6, 7}, {3}));
  golden::expect_equal(x.grad(), Tensor::from<float>({0, 6, 0}, {3}));
  golden::expect_equal(source.grad(), Tensor::from<float>({0, 5, 7}, {3}));
}

TEST(Gather, AddsItsGradientToThatOfOtherUses) {
  Tensor x = counting({3}).set_requires_grad();
  const Tensor loss = add(add(sum(gather(x, 0, indices({1, 1}, {2}))), sum(index_select(x, 0, indices({1, 2}, {2})))),
                          sum(mul_scalar(x, 10)));
  loss.backward();
  golden::expect_equal(x.grad(), Tensor::from<float>({10, 13, 11}, {3}));
}

TEST(Indices, OutsideTheirDimensionAreNamed) {
  const Tensor x = Tensor::ones({2, 3});
  EXPECT_EQ(message_of<IndexError>([&] {
              index_select(x, 1, indices({0, 2, 3}, {3}));
            }),
            "index_select: indices must be in [0, 3); 3 at position 2 of [3]");
  EXPECT_EQ(message_of<IndexError>([&] {
              gather(x, 0, indices({0, -1}, {1, 2}));
            }),
            "gather: indices must be in [0, 2); -1 at position 1 of [1, 2]");
  Tensor many = Tensor::zeros({100000}, DType::i32);
  many.mutable_data<int32_t>()[99998] = -2;
  many.mutable_data<int32_t>()[99999] = 9;
  EXPECT_EQ(message_of<IndexError>([&] { index_select(x, 0, many); }),
            "index_select: indices must be in [0, 2); -2 at position 99998 of [100000]");
}

TEST(Indices, WrittenAfterForwardStopBackward) {
  Tensor x = Tensor::ones({3}).set_requires_grad();
  Tensor index = indices({1, 1}, {2});
  const Tensor loss = sum(gather(x, 0, index));
  index.fill(7);
  message_of<StateError>([&] { loss.backward(); });
  EXPECT_FALSE(x.grad().defined());
}

TEST(MaskedSelect, TakesTheChosenElementsRowMajorWithBroadcasting) {
  const Tensor x = counting({2, 3}, DType::i64);
  golden::expect_equal(masked_select(x, golden::mask_from_string("011100", {2, 3})), indices({1, 2, 3}, {3}));
  golden::expect_equal(masked_select(x, golden::mask_from_string("101", {3})), indices({0, 2, 3, 5}, {4}));
  golden::expect_equal(masked_select(counting({2, 1}), golden::mask_from_string("101", {3})),
                       Tensor::from<float>({0, 0, 1, 1}));
  EXPECT_EQ(masked_select(x, golden::mask_from_string("0", {1})).shape(), Shape({0}));
  Tensor leaf = counting({2, 3}).set_requires_grad();
  masked_select(leaf, leaf > 2).backward(Tensor::from<float>({5, 6, 7}));
  golden::expect_equal(leaf.grad(), Tensor::from<float>({0, 0, 0, 5, 6, 7}, {2, 3}));
}

TEST(OneHot, SetsTheIndexOfEachRow) {
  golden::expect_equal(one_hot(indices({2, 0}, {2}), {.classes = 3}), Tensor::from<float>({0, 0, 1, 1, 0, 0}, {2, 3}));
  golden::expect_equal(one_hot(indices({1}, {}).to(DType::i32), {.classes = 2, .dtype = DType::boolean}),
                       Tensor::from<bool>({false, true}, {2}));
  EXPECT_EQ(one_hot(indices({}, {0, 2}), {}).shape(), Shape({0, 2, 0}));
}

}  // namespace
}  // namespace gossamer::test_indexing
