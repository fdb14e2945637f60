// Every row of kernels/elementwise_table.h on every target and for both types against its own scalar specification, at
// every length around the vector width.
#include "kernels/elementwise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/reference/elementwise.h"
#include "tests/kernels/guarded_array.h"
#include "tests/kernels/simd_target_test.h"

namespace gossamer::kernels::elementwise_test {
namespace {

using testing::fill_uniform;
using testing::GuardedArray;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int64_t kMaxLength = 70;  // more than four vectors of 16

struct Row {
  const char* name;
  int ulp;
};
#define GOSSAMER_ROW(NAME, ULP, REFERENCE, SIMD) {#NAME, ULP},
constexpr Row kUnary[] = {GOSSAMER_UNARY_KERNELS(GOSSAMER_ROW)};
constexpr Row kBinary[] = {GOSSAMER_BINARY_KERNELS(GOSSAMER_ROW)};
#undef GOSSAMER_ROW

// Distance in representable numbers; 0 for two NaN, and for zeros of either sign.
template <class T>
int64_t ulps(T a, T b) {
  if ((std::isnan(a) && std::isnan(b)) || a == b) return 0;
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<int64_t>::max();
  using Bits = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  const auto order = [](T x) {
    const auto bits = std::bit_cast<Bits>(x);
    return static_cast<int64_t>(bits < 0 ? std::numeric_limits<Bits>::min() - bits : bits);
  };
  return std::abs(order(a) - order(b));
}

// Uniform over several magnitudes, with special values among them.
template <class T>
void fill_inputs(GuardedArray<T>& x, uint32_t seed) {
  const int64_t n = x.size();
  std::vector<float> floats(static_cast<size_t>(n));
  fill_uniform(floats, seed);
  constexpr float kSpecial[] = {kNan, kInfinity, -kInfinity, 0.0f, -0.0f, 1.0f};
  for (int64_t i = 0; i < n; ++i) {
    const float scale = i % 3 == 0 ? 1.0f : (i % 3 == 1 ? 20.0f : 1e-3f);
    const auto special = static_cast<size_t>(i + seed);
    x[i] = static_cast<T>(i % 11 == 10 ? kSpecial[special % 6] : scale * floats[static_cast<size_t>(i)]);
  }
}

class ElementwiseTest : public testing::SimdTargetTest {};
GOSSAMER_ON_EVERY_SIMD_TARGET(ElementwiseTest);

template <class T>
void expect_unary_rows() {
  for (size_t row = 0; row < std::size(kUnary); ++row) {
    const auto op = static_cast<Unary>(row);
    for (int64_t n = 0; n <= kMaxLength; ++n) {
      GuardedArray<T> x(n), y(n), expected(n);
      fill_inputs(x, 1);
      map(op, n, x.data(), y.data());
      reference::map(op, n, x.data(), expected.data());
      map(op, n, x.data(), x.data());
      for (int64_t i = 0; i < n; ++i) {
        ASSERT_LE(ulps(y[i], expected[i]), kUnary[row].ulp) << kUnary[row].name << " n " << n << " at " << i;
        ASSERT_EQ(ulps(x[i], y[i]), 0) << kUnary[row].name << " in place, n " << n << " at " << i;
      }
    }
  }
}

template <class T>
void expect_binary_rows() {
  for (size_t row = 0; row < std::size(kBinary); ++row) {
    const auto op = static_cast<Binary>(row);
    for (int64_t n = 0; n <= kMaxLength; ++n) {
      for (const auto& [stride_a, stride_b] : {std::pair{1, 1}, {0, 1}, {1, 0}}) {
        GuardedArray<T> a(std::max<int64_t>(n, 1)), b(std::max<int64_t>(n, 1));
        fill_inputs(a, 2);
        fill_inputs(b, 3);
        if (op == Binary::ClampAbs) {
          for (T& bound : b.span()) bound = std::abs(bound);
        }
        GuardedArray<T> y(n), expected(n);
        zip(op, n, {a.data(), stride_a}, {b.data(), stride_b}, y.data());
        reference::zip<T>(op, n, {a.data(), stride_a}, {b.data(), stride_b}, expected.data());
        for (int64_t i = 0; i < n; ++i) {
          ASSERT_LE(ulps(y[i], expected[i]), kBinary[row].ulp)
              << kBinary[row].name << " strides " << stride_a << stride_b << " n " << n << " at " << i;
        }
      }
    }
  }
}

TEST_P(ElementwiseTest, EveryRowEqualsItsSpecificationOnFloatAndDouble) {
  expect_unary_rows<float>();
  expect_unary_rows<double>();
  expect_binary_rows<float>();
  expect_binary_rows<double>();
}

TEST_P(ElementwiseTest, EveryRowGivesTheSameBitsForEverySplit) {
  GuardedArray<float> a(kMaxLength), b(kMaxLength);
  fill_inputs(a, 4);
  fill_inputs(b, 5);
  GuardedArray<float> whole(kMaxLength), parts(kMaxLength);
  const auto expect_same = [&](const char* name) {
    for (int64_t i = 0; i < kMaxLength; ++i) {
      // The sign of a NaN is the compiler's: it may exchange the operands of a scalar sum or product.
      if (std::isnan(parts[i]) && std::isnan(whole[i])) continue;
      ASSERT_EQ(std::bit_cast<uint32_t>(parts[i]), std::bit_cast<uint32_t>(whole[i])) << name << " at " << i;
    }
  };
  for (int64_t split = 0; split <= kMaxLength; split += 3) {
    const int64_t rest = kMaxLength - split;
    for (size_t row = 0; row < std::size(kUnary); ++row) {
      const auto op = static_cast<Unary>(row);
      map(op, kMaxLength, a.data(), whole.data());
      map(op, split, a.data(), parts.data());
      map(op, rest, a.data() + split, parts.data() + split);
      expect_same(kUnary[row].name);
    }
    for (size_t row = 0; row < std::size(kBinary); ++row) {
      const auto op = static_cast<Binary>(row);
      zip(op, kMaxLength, {a.data()}, {b.data()}, whole.data());
      zip(op, split, {a.data()}, {b.data()}, parts.data());
      zip(op, rest, {a.data() + split}, {b.data() + split}, parts.data() + split);
      expect_same(kBinary[row].name);
    }
  }
}

TEST_P(ElementwiseTest, ReluKeepsNanAndInfinity) {
  for (const int64_t n : {1, 40}) {  // the tail alone, and the body
    GuardedArray<float> x(n), y(n);
    for (const float special : {kNan, kInfinity, -kInfinity, 0.0f, -0.0f}) {
      x[0] = special;
      map(Unary::Relu, n, x.data(), y.data());
      if (std::isnan(special)) {
        EXPECT_TRUE(std::isnan(y[0]));
      } else {
        EXPECT_EQ(y[0], special > 0 ? special : 0.0f);
      }
    }
  }
}

TEST_P(ElementwiseTest, ReluGradDoesNotLeakNanFromMaskedPlaces) {
  for (int64_t n = 1; n <= kMaxLength; ++n) {
    GuardedArray<float> x(n), dy(n), dx(n);
    for (int64_t i = 0; i < n; ++i) {
      x[i] = i % 2 == 0 ? 1.0f : (i % 4 == 1 ? 0.0f : -1.0f);
      dy[i] = i % 2 == 0 ? static_cast<float>(i) : (i % 4 == 1 ? kNan : kInfinity);
    }
    zip(Binary::ReluGrad, n, {x.data()}, {dy.data()}, dx.data());
    for (int64_t i = 0; i < n; ++i) ASSERT_EQ(dx[i], i % 2 == 0 ? static_cast<float>(i) : 0.0f) << "n " << n;
  }
}

}  // namespace
}  // namespace gossamer::kernels::elementwise_test
