// sort, argsort and topk against std::stable_sort: ties, NaN, signed zeros, every dtype.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/ops.h"
#include "gossamer/runtime.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/tensors.h"

namespace gossamer::test_ordering {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

// Of the last dimension.
template <class T>
std::vector<int64_t> reference(const Tensor& x, bool descending) {
  const int64_t n = x.shape().back();
  std::vector<int64_t> all;
  for (int64_t line = 0; line < x.numel() / n; ++line) {
    const T* const values = x.data<T>() + line * n;
    const auto less = [](T a, T b) { return a < b || (a == a && b != b); };
    std::vector<int64_t> order(static_cast<size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int64_t i, int64_t j) {
      return descending ? less(values[j], values[i]) : less(values[i], values[j]);
    });
    all.insert(all.end(), order.begin(), order.end());
  }
  return all;
}

// Values that repeat, positive and negative, 40 lines of 300.
template <class T>
Tensor varied() {
  Tensor x = Tensor::empty({40, 300}, dtype_of<T>);
  for (int64_t i = 0; i < x.numel(); ++i) {
    x.mutable_data<T>()[i] = static_cast<T>(std::floor(random_double(3, static_cast<uint64_t>(i)) * 99) - 40);
  }
  return x;
}

template <class T>
void expect_orders(const Tensor& x) {
  const int64_t n = x.shape().back();
  for (const bool descending : {false, true}) {
    const std::vector<int64_t> expected = reference<T>(x, descending);
    const auto [values, order] = sort(x, {.descending = descending});
    EXPECT_EQ(to_vector<int64_t>(order), expected);
    golden::expect_equal(values, gather(x, -1, order));
    golden::expect_equal(argsort(x, {.descending = descending}), order);
    // Along another dimension, by way of strides.
    golden::expect_equal(transpose(argsort(transpose(x, 0, 1), {.dim = 0, .descending = descending}), 0, 1), order);
    for (const int64_t k : {int64_t{1}, std::min<int64_t>(n, 5), n - 1, n}) {
      const auto best = topk(x, k, {.largest = descending});
      golden::expect_equal(best.indices, slice(order, {.dim = 1, .begin = 0, .end = k}));
      golden::expect_equal(best.values, slice(values, {.dim = 1, .begin = 0, .end = k}));
      const auto unordered = topk(x, k, {.largest = descending, .sorted = false});
      golden::expect_equal(unordered.indices, sort(best.indices).values);
    }
  }
}

TEST(Ordering, IsThatOfAStableSortForEveryDtype) {
  expect_orders<float>(varied<float>());
  expect_orders<double>(varied<double>());
  expect_orders<int64_t>(varied<int64_t>());
  expect_orders<int32_t>(varied<int32_t>());
  expect_orders<bool>(varied<bool>());
}

TEST(Ordering, TakesNanForTheLargestAndZerosForEqual) {
  expect_orders<float>(Tensor::from<float>({kNan, 1, kInf, -kInf, 0, -0.F, 0, -kNan, -1, 1e-45F, -1e-45F}, {1, 11}));
  expect_orders<double>(Tensor::from<double>({5e-324, kNan, 0, -0., -5e-324, kInf, 1e300, -1e300}, {1, 8}));
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  expect_orders<int64_t>(Tensor::from<int64_t>({0, kMin, -1, std::numeric_limits<int64_t>::max(), 1, kMin}, {2, 3}));
  const Tensor zeros = sort(Tensor::from<float>({0, -0.F}, {2})).values;
  EXPECT_TRUE(std::signbit(zeros.data<float>()[1])) << "elements are those of x, not of their keys";
}

// The candidates that are held are exchanged again and again.
TEST(Topk, TakesLongLinesThatRiseOrFall) {
  const Tensor rising = arange({.end = 100000});
  golden::expect_equal(topk(rising, 3).indices, Tensor::from<int64_t>({99999, 99998, 99997}, {3}));
  golden::expect_equal(topk(rising, 2, {.largest = false}).indices, Tensor::from<int64_t>({0, 1}, {2}));
  golden::expect_equal(topk(flip(rising, {0}), 2).indices, Tensor::from<int64_t>({0, 1}, {2}));
  golden::expect_equal(topk(Tensor::ones({100000}), 3).indices, Tensor::from<int64_t>({0, 1, 2}, {3}));
}

TEST(Topk, RefusesMoreThanThereAre) {
  EXPECT_EQ(message_of<ShapeError>([] {
              topk(Tensor::ones({2, 3}), 4);
            }),
            "topk: k must be in [0, 3]; 4 for dimension 1 of [2, 3]");
  EXPECT_EQ(topk(Tensor::ones({2, 0}), 0).values.shape(), Shape({2, 0}));
}

TEST(Ordering, SendsGradientsToWhereTheValuesCameFrom) {
  Tensor x = Tensor::from<float>({3, 1, 2, 3}, {4}).set_requires_grad();
  topk(x, 2).values.backward(Tensor::from<float>({10, 20}, {2}));
  golden::expect_equal(x.grad(), Tensor::from<float>({10, 0, 0, 20}, {4}));
}

}  // namespace
}  // namespace gossamer::test_ordering
