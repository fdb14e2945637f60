// gemm against a triple loop, and equal bits for any number of threads.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <tuple>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/runtime.h"
#include "runtime/blas.h"

namespace gossamer::rt::test_gemm {
namespace {

constexpr int64_t kPadding = 3;  // elements between the rows of every stored matrix

// Values in [-1, 1), the same in every run.
template <class T>
std::vector<T> values(int64_t count, uint32_t seed) {
  std::vector<T> result(static_cast<size_t>(count));
  for (T& v : result) {
    seed = seed * 1664525U + 1013904223U;
    v = static_cast<T>(static_cast<double>(seed >> 8) / (1 << 23) - 1);
  }
  return result;
}

template <class T>
struct Operands {
  explicit Operands(const GemmShape& s)
      : lda((s.trans_a == Trans::Yes ? s.m : s.k) + kPadding),
        ldb((s.trans_b == Trans::Yes ? s.k : s.n) + kPadding),
        ldc(s.n + kPadding),
        a(values<T>((s.trans_a == Trans::Yes ? s.k : s.m) * lda, 1)),
        b(values<T>((s.trans_b == Trans::Yes ? s.n : s.k) * ldb, 2)),
        c(values<T>(s.m * ldc, 3)) {}

  void multiply(const GemmShape& s, T beta) { gemm<T>(s, {a.data(), lda}, {b.data(), ldb}, beta, {c.data(), ldc}); }

  int64_t lda, ldb, ldc;
  std::vector<T> a, b, c;
};

// Every element of the product in double, and the padding between the rows of C left alone.
template <class T>
void expect_product(const GemmShape& s, T beta) {
  SCOPED_TRACE(fmt::format("m={} n={} k={} trans_a={} trans_b={} beta={}", s.m, s.n, s.k, s.trans_a == Trans::Yes,
                           s.trans_b == Trans::Yes, beta));
  Operands<T> x(s);
  const std::vector<T> before = x.c;
  x.multiply(s, beta);
  for (int64_t i = 0; i < s.m; ++i) {
    for (int64_t j = 0; j < x.ldc; ++j) {
      const auto at = static_cast<size_t>(i * x.ldc + j);
      if (j >= s.n) {
        ASSERT_EQ(x.c[at], before[at]) << "padding of row " << i;
        continue;
      }
      double sum = static_cast<double>(beta) * static_cast<double>(before[at]);
      double magnitude = std::abs(sum);
      for (int64_t l = 0; l < s.k; ++l) {
        const double a = x.a[static_cast<size_t>(s.trans_a == Trans::Yes ? l * x.lda + i : i * x.lda + l)];
        const double b = x.b[static_cast<size_t>(s.trans_b == Trans::Yes ? j * x.ldb + l : l * x.ldb + j)];
        sum += a * b;
        magnitude += std::abs(a * b);
      }
      // Any order of the additions stays within length * epsilon of the sum of magnitudes.
      const double bound = static_cast<double>(s.k + 2) * std::numeric_limits<T>::epsilon() * magnitude;
      ASSERT_NEAR(x.c[at], sum, bound) << "row " << i << " column " << j;
    }
  }
}

template <class T>
class Gemm : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(Gemm, Types);

// Small sizes run as one call; the others are cut along columns and along rows.
const std::vector<std::tuple<int64_t, int64_t, int64_t>> kSizes{
    {1, 1, 1},     {1, 5, 3},     {17, 1, 9},    {15, 16, 17},   {33, 31, 64},
    {100, 10, 37}, {33, 700, 70}, {801, 37, 50}, {300, 40, 100}, {1, 3000, 350}};

TYPED_TEST(Gemm, EqualsATripleLoopForEveryTranspositionSizeAndBeta) {
  for (const auto& [m, n, k] : kSizes) {
    for (const Trans trans_a : {Trans::No, Trans::Yes}) {
      for (const Trans trans_b : {Trans::No, Trans::Yes}) {
        for (const double beta : {0.0, 1.0, 0.5}) {
          expect_product<TypeParam>({m, n, k, trans_a, trans_b}, static_cast<TypeParam>(beta));
        }
      }
    }
  }
}

TYPED_TEST(Gemm, WithoutInnerElementsScalesC) {
  for (const double beta : {0.0, 1.0, 0.5}) expect_product<TypeParam>({40, 20, 0}, static_cast<TypeParam>(beta));
}

TYPED_TEST(Gemm, WithoutRowsOrColumnsTouchesNothing) {
  gemm<TypeParam>({0, 4, 3}, {nullptr, 3}, {nullptr, 4}, 0, {nullptr, 4});
  gemm<TypeParam>({4, 0, 3}, {nullptr, 3}, {nullptr, 0}, 0, {nullptr, 0});
}

TYPED_TEST(Gemm, BetaZeroOverwritesWhateverCHolds) {
  for (const auto& [m, n, k] : kSizes) {
    for (const int64_t inner : {k, int64_t{0}}) {
      const GemmShape shape{m, n, inner};
      Operands<TypeParam> clean(shape);
      Operands<TypeParam> poisoned(shape);
      for (auto& v : poisoned.c) v = std::numeric_limits<TypeParam>::quiet_NaN();
      clean.multiply(shape, 0);
      poisoned.multiply(shape, 0);
      for (int64_t i = 0; i < m * clean.ldc; ++i) {
        const auto at = static_cast<size_t>(i);
        if (i % clean.ldc < n) {
          ASSERT_EQ(poisoned.c[at], clean.c[at]) << "element " << i;
        }
      }
    }
  }
}

TYPED_TEST(Gemm, HasTheSameBitsForAnyNumberOfThreads) {
  const std::vector<GemmShape> shapes{{128, 784, 300, Trans::No, Trans::Yes},
                                      {1024, 300, 128, Trans::Yes, Trans::No},
                                      {200, 100, 333, Trans::No, Trans::No}};
  for (const GemmShape& shape : shapes) {
    Operands<TypeParam> expected(shape);
    with_threads(1, [&] { expected.multiply(shape, 1); });
    for (const int threads : {2, 3, 8}) {
      Operands<TypeParam> x(shape);
      with_threads(threads, [&] { x.multiply(shape, 1); });
      EXPECT_EQ(x.c, expected.c) << shape.m << " x " << shape.n << " with " << threads << " threads";
    }
  }
}

TYPED_TEST(Gemm, RefusesSizesThatOpenBlasCannotCount) {
  const int64_t large = int64_t{std::numeric_limits<int32_t>::max()} + 1;
  using M = ConstMatrix<TypeParam>;
  const Matrix<TypeParam> c{nullptr, 1};
  EXPECT_THROW(gemm<TypeParam>({large, 1, 1}, M{nullptr, 1}, M{nullptr, 1}, 0, c), ShapeError);
  EXPECT_THROW(gemm<TypeParam>({1, 1, large}, M{nullptr, large}, M{nullptr, 1}, 0, c), ShapeError);
  EXPECT_THROW(gemm<TypeParam>({1, 1, 1}, M{nullptr, 1}, M{nullptr, large}, 0, c), ShapeError);
  EXPECT_THROW(gemm<TypeParam>({1, -1, 1}, M{nullptr, 1}, M{nullptr, 1}, 0, c), ShapeError);
}

}  // namespace
}  // namespace gossamer::rt::test_gemm
