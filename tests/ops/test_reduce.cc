// Reductions and running sums: special values, shapes and accuracy. Gradients of ordinary elements are checked in
// test_gradients.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/ops.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/tensors.h"

namespace gossamer::test_reduce {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

// Whether bit i of `bits` asks for dimension i.
std::vector<int> dims_of(unsigned bits, int rank) {
  std::vector<int> dims;
  for (int i = 0; i < rank; ++i) {
    if (bits >> i & 1) dims.push_back(i % 2 == 0 ? i : i - rank);
  }
  return dims;
}

// The elements that go into each element of a reduction.
std::vector<std::vector<double>> groups_of(const Tensor& x, unsigned bits) {
  int64_t kept = 1;
  for (int i = 0; i < x.rank(); ++i) kept *= bits >> i & 1 ? 1 : x.dim(i);
  std::vector<std::vector<double>> groups(static_cast<size_t>(kept));
  for (int64_t i = 0; i < x.numel(); ++i) {
    int64_t rest = i;
    int64_t at = 0;
    int64_t stride = 1;
    for (int d = x.rank() - 1; d >= 0; --d) {
      if (!(bits >> d & 1)) {
        at += rest % x.dim(d) * stride;
        stride *= x.dim(d);
      }
      rest /= x.dim(d);
    }
    groups[static_cast<size_t>(at)].push_back(x.data<double>()[i]);
  }
  return groups;
}

double scalar_sum(const std::vector<double>& v) { return std::accumulate(v.begin(), v.end(), 0.0); }
double scalar_mean(const std::vector<double>& v) { return scalar_sum(v) / static_cast<double>(v.size()); }
double scalar_max(const std::vector<double>& v) { return *std::max_element(v.begin(), v.end()); }
double scalar_min(const std::vector<double>& v) { return *std::min_element(v.begin(), v.end()); }
double scalar_prod(const std::vector<double>& v) {
  return std::accumulate(v.begin(), v.end(), 1.0, std::multiplies<>());
}
double scalar_norm(const std::vector<double>& v) {
  return std::sqrt(std::accumulate(v.begin(), v.end(), 0.0, [](double sum, double x) { return sum + x * x; }));
}
double scalar_magnitudes(const std::vector<double>& v) {
  return std::accumulate(v.begin(), v.end(), 0.0, [](double sum, double x) { return sum + std::abs(x); });
}
double scalar_logsumexp(const std::vector<double>& v) {
  return std::log(std::accumulate(v.begin(), v.end(), 0.0, [](double sum, double x) { return sum + std::exp(x); }));
}
double scalar_variance(const std::vector<double>& v) {
  const double mean = scalar_mean(v);
  double sum = 0;
  for (const double x : v) sum += (x - mean) * (x - mean);
  return sum / static_cast<double>(v.size());
}

using Options = ReduceOptions;
struct Reduction {
  const char* name;
  Tensor (*fn)(const Tensor&, const Options&);
  double (*scalar)(const std::vector<double>&);
};

TEST(Reductions, TakeAnySetOfDimensions) {
  const std::vector<Reduction> reductions{
      {"sum", sum, scalar_sum},
      {"mean", mean, scalar_mean},
      {"max", max, scalar_max},
      {"min", min, scalar_min},
      {"prod", prod, scalar_prod},
      {"logsumexp", logsumexp, scalar_logsumexp},
      {"norm", [](const Tensor& x, const Options& o) { return norm(x, {.dims = o.dims, .keepdim = o.keepdim}); },
       scalar_norm},
      {"norm 1",
       [](const Tensor& x, const Options& o) { return norm(x, {.p = 1, .dims = o.dims, .keepdim = o.keepdim}); },
       scalar_magnitudes},
      {"var",
       [](const Tensor& x, const Options& o) {
         return var(x, {.dims = o.dims, .keepdim = o.keepdim, .correction = 0});
       },
       scalar_variance}};
  // The last two have rows and lines that are folded by kernels.
  for (const Shape& shape : {Shape{3, 2, 5, 4}, Shape{2, 1, 3, 40}, Shape{40, 3, 1, 2}}) {
    const Tensor x = uniform(shape, 1);
    for (const auto& [name, fn, scalar] : reductions) {
      for (unsigned bits = 1; bits < 16; ++bits) {
        SCOPED_TRACE(name + (" of " + shape.to_string()) + " over " + std::to_string(bits));
        std::vector<double> expected;
        for (const std::vector<double>& group : groups_of(x, bits)) expected.push_back(scalar(group));
        const Tensor y = fn(x, {.dims = dims_of(bits, 4)});
        golden::expect_close(y, Tensor::from(expected, y.shape()), 1e-13, 1e-14);
        const Tensor kept = fn(x, {.dims = dims_of(bits, 4), .keepdim = true});
        ASSERT_EQ(kept.rank(), 4);
        for (int i = 0; i < 4; ++i) EXPECT_EQ(kept.dim(i), bits >> i & 1 ? 1 : x.dim(i));
        golden::expect_equal(kept.alias(y.shape()), y);
      }
    }
  }
}

TEST(Sum, OfLongAxesIsAccurateInF32) {
  // One running float sum of a million would be off by 1 %.
  const int64_t n = 1000003;
  const double value = 0.1F;
  EXPECT_NEAR(sum(Tensor::full({n}, value)).item<double>(), n * value, 1e-5 * n * value);
  const Tensor columns = sum(Tensor::full({n, 3}, value), {.dims = {0}});
  for (const float v : columns.span<float>()) EXPECT_NEAR(v, n * value, 1e-5 * n * value);
}

TEST(Sum, OfNothingIsZero) {
  golden::expect_equal(sum(Tensor::zeros({0})), Tensor::zeros({}));
  golden::expect_equal(sum(Tensor::zeros({2, 0, 3}), {.dims = {1}}), Tensor::zeros({2, 3}));
  EXPECT_EQ(sum(Tensor::zeros({2, 0, 3}), {.dims = {0}}).shape(), Shape({0, 3}));
}

TEST(Sum, OfAScalarIsACopy) {
  const Tensor x = Tensor::full({}, 3);
  EXPECT_FALSE(sum(x).shares_storage_with(x));
  EXPECT_EQ(sum(x).item<float>(), 3);
}

TEST(Sum, RefusesDimensionsOutsideTheRankOrNamedTwice) {
  const Tensor x = Tensor::ones({2, 3});
  EXPECT_NE(message_of<ShapeError>([&] { sum(x, {.dims = {2}}); }).find("sum: the dimension must be within rank 2"),
            std::string::npos);
  EXPECT_NE(message_of<ShapeError>([&] { mean(x, {.dims = {1, -1}}); }).find("mean: "), std::string::npos);
}

TEST(Mean, OfNothingIsRefused) {
  EXPECT_NE(message_of<ShapeError>([] {
              mean(Tensor::zeros({0, 3}));
            }).find("mean: there must be elements"),
            std::string::npos);
  message_of<ShapeError>([] { mean(Tensor::zeros({2, 0}), {.dims = {1}}); });
  EXPECT_EQ(mean(Tensor::zeros({0, 3}), {.dims = {1}}).shape(), Shape({0}));
}

TEST(Max, FindsTheLargestElement) {
  const Tensor x = Tensor::from<float>({1, -5, 3, 2, 9, -kInf}, {2, 3});
  EXPECT_EQ(max(x).item<float>(), 9);
  golden::expect_equal(max(x, {.dims = {1}}), Tensor::from<float>({3, 9}, {2}));
  golden::expect_equal(max(x, {.dims = {0}}), Tensor::from<float>({2, 9, 3}, {3}));
  EXPECT_EQ(max(Tensor::full({50000}, -kInf)).item<float>(), -kInf);
}

TEST(Max, LetsNanWinWhereverItStands) {
  for (int64_t at = 0; at < 40; ++at) {
    Tensor x = Tensor::ones({40});
    x.mutable_data<float>()[at] = kNan;
    EXPECT_TRUE(std::isnan(max(x).item<float>())) << at;
    EXPECT_TRUE(std::isnan(max(reshape(x, {20, 2}), {.dims = {0}}).data<float>()[at % 2])) << at;
    EXPECT_EQ(max(reshape(x, {20, 2}), {.dims = {0}}).data<float>()[1 - at % 2], 1) << at;
  }
}

TEST(Max, SharesTheGradientEvenlyAmongTies) {
  Tensor x = Tensor::from<float>({4, 1, 4, 4, 2, 7}, {2, 3}).set_requires_grad();
  max(x, {.dims = {1}}).backward(Tensor::from<float>({3, 5}, {2}));
  golden::expect_equal(x.grad(), Tensor::from<float>({1.5, 0, 1.5, 0, 0, 5}, {2, 3}));
}

TEST(Max, GivesTheGradientToTheNanThatWon) {
  Tensor x = Tensor::from<float>({4, kNan, 2}, {3}).set_requires_grad();
  max(x).backward();
  golden::expect_equal(x.grad(), Tensor::from<float>({0, 1, 0}, {3}));
}

TEST(Max, OfNothingIsRefused) {
  EXPECT_NE(message_of<ShapeError>([] { max(Tensor::zeros({0})); }).find("max: "), std::string::npos);
  message_of<ShapeError>([] { max(Tensor::zeros({2, 0}), {.dims = {1}}); });
  EXPECT_NE(message_of<StateError>([] { max(Tensor()); }).find("max: "), std::string::npos);
}

TEST(Min, FindsTheSmallestAndLetsNanWin) {
  const Tensor x = Tensor::from<float>({1, -5, 3, 2, kNan, kInf}, {2, 3});
  golden::expect_equal(min(x, {.dims = {1}}), Tensor::from<float>({-5, kNan}, {2}));
  golden::expect_equal(min(x, {.dims = {0}, .keepdim = true}), Tensor::from<float>({1, kNan, 3}, {1, 3}));
  EXPECT_EQ(min(Tensor::full({50000}, kInf)).item<float>(), kInf);
}

// The gradient of f at x from a gradient of ones.
template <class F>
Tensor slope(const F& f, const Tensor& x) {
  Tensor leaf = x.clone().set_requires_grad();
  const Tensor y = f(leaf);
  y.backward(Tensor::ones(y.shape(), y.dtype()));
  return leaf.grad();
}

TEST(Prod, HasTheGradientsOfTheOtherElementsWhereSomeAreZero) {
  const Tensor x = Tensor::from<float>({2, 3, 4, 2, 0, 4, 0, 3, 0}, {3, 3});
  golden::expect_equal(slope([](const Tensor& t) { return prod(t, {.dims = {1}}); }, x),
                       Tensor::from<float>({12, 8, 6, 0, 8, 0, 0, 0, 0}, {3, 3}));
  EXPECT_EQ(prod(Tensor::zeros({0})).item<float>(), 1);
}

TEST(Var, DividesByTheNumberOfElementsLessTheCorrection) {
  const Tensor x = Tensor::from<float>({1, 2, 4, 5}, {4});
  EXPECT_FLOAT_EQ(var(x).item<float>(), 10.F / 3);
  EXPECT_FLOAT_EQ(var(x, {.correction = 0}).item<float>(), 2.5F);
  EXPECT_TRUE(std::isnan(var(Tensor::ones({1})).item<float>()));
  EXPECT_EQ(var(Tensor::ones({1}), {.correction = 0}).item<float>(), 0);
  EXPECT_EQ(var(x, {.correction = 9}).item<float>(), kInf);  // as torch: what is left is at least 0
}

TEST(Var, KeepsItsDigitsBesideALargeMean) {
  // 4096 and 4097 in turn: the square of either fills a float.
  std::vector<float> values(100000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = 4096 + static_cast<float>(i % 2);
  const Tensor x = Tensor::from(values, {static_cast<int64_t>(values.size())});
  EXPECT_NEAR(var(x, {.correction = 0}).item<float>(), 0.25, 1e-6);
  const Tensor columns = var(reshape(x, {50000, 2}), {.dims = {0}});
  for (const float v : columns.span<float>()) EXPECT_NEAR(v, 0, 1e-6);
}

TEST(Norm, NeitherOverflowsNorVanishesInF32) {
  EXPECT_FLOAT_EQ(norm(Tensor::from<float>({3e30F, 4e30F}, {2})).item<float>(), 5e30F);
  EXPECT_FLOAT_EQ(norm(Tensor::from<float>({3e-30F, -4e-30F}, {2})).item<float>(), 5e-30F);
  golden::expect_close(norm(Tensor::from<float>({3, -4, 5, 12}, {2, 2}), {.dims = {1}}),
                       Tensor::from<float>({5, 13}, {2}));
  EXPECT_EQ(norm(Tensor::from<float>({3, -4}, {2}), {.p = 1}).item<float>(), 7);
  EXPECT_EQ(norm(Tensor::full({}, -3)).item<float>(), 3);
}

TEST(Norm, HasNoSlopeAtZero) {
  const Tensor x = Tensor::from<float>({0, 0, 0, -2}, {2, 2});
  for (const double p : {1.0, 2.0}) {
    golden::expect_equal(slope([p](const Tensor& t) { return norm(t, {.p = p, .dims = {1}}); }, x),
                         Tensor::from<float>({0, 0, 0, -1}, {2, 2}));
  }
}

TEST(Logsumexp, NeitherOverflowsNorLosesInfinities) {
  const Tensor x = Tensor::from<float>({1000, 1000, -1000, -1000, -kInf, -kInf, kInf, 1, -kInf, 3, kNan, kInf}, {6, 2});
  const auto last = [](const Tensor& t) { return logsumexp(t, {.dims = {1}}); };
  const float ln2 = std::log(2.F);
  golden::expect_close(last(x), Tensor::from<float>({1000 + ln2, -1000 + ln2, -kInf, kInf, 3, kNan}, {6}));
  golden::expect_close(logsumexp(x, {.dims = {0}}).alias({2}), Tensor::from<float>({kNan, kInf}, {2}));
  EXPECT_EQ(logsumexp(Tensor::zeros({0})).item<float>(), -kInf);
  golden::expect_close(slope(last, slice(x, 0, 3)), Tensor::from<float>({0.5, 0.5, 0.5, 0.5, 0, 0}, {3, 2}));
}

TEST(Cumsum, AddsAlongAnyDimension) {
  const Tensor x = uniform({3, 4, 600}, 1, DType::f32);
  for (int dim = 0; dim < 3; ++dim) {
    const Tensor y = cumsum(x, dim - 3);
    const int64_t stride = dim == 0 ? 2400 : dim == 1 ? 600 : 1;
    for (int64_t i = 0; i < x.numel(); ++i) {
      double expected = 0;
      for (int64_t k = i / stride % x.dim(dim); k >= 0; --k) expected += x.data<float>()[i - k * stride];
      ASSERT_NEAR(y.data<float>()[i], expected, 1e-6 * std::max(1.0, std::abs(expected))) << dim << " at " << i;
    }
  }
}

TEST(Cumsum, IsAccurateInF32) {
  // A running float sum would be off by 1 %.
  const Tensor y = cumsum(Tensor::full({1000003}, 0.1F), 0);
  EXPECT_FLOAT_EQ(y.data<float>()[1000002], static_cast<float>(1000003 * static_cast<double>(0.1F)));
}

TEST(Argmax, FindsTheLowestIndexOfTheLargest) {
  const Tensor x = Tensor::from<float>({1, 3, 3, 5, 2, 5}, {2, 3});
  golden::expect_equal(argmax(x), Tensor::from<int64_t>({1, 0}, {2}));
  golden::expect_equal(argmax(x, 0), Tensor::from<int64_t>({1, 0, 1}, {3}));
  golden::expect_equal(argmax(Tensor::from<int32_t>({4, 9}, {2})), Tensor::from<int64_t>({1}, {}));
}

TEST(Argmax, TakesAMiddleDimension) {
  const Tensor x = Tensor::from<float>({1, 8, 3, 4, 5, 6, 7, 2, 9, 0, 1, 2}, {2, 3, 2});
  golden::expect_equal(argmax(x, 1), Tensor::from<int64_t>({2, 0, 1, 0}, {2, 2}));
}

TEST(Argmax, LetsTheFirstNanWin) {
  golden::expect_equal(argmax(Tensor::from<float>({kNan, 3, kNan, 1, kNan, kNan}, {2, 3})),
                       Tensor::from<int64_t>({0, 1}, {2}));
}

TEST(Argmax, TakesTheLastAmongTiesWhereAsked) {
  const Tensor x = Tensor::from<float>({5, 3, 5, kNan, 2, kNan}, {2, 3});
  golden::expect_equal(argmax(x, ArgReduceOptions{.keepdim = true, .select_last = true}),
                       Tensor::from<int64_t>({2, 2}, {2, 1}));
  golden::expect_equal(argmax(x, ArgReduceOptions{.dim = 0, .select_last = true}),
                       Tensor::from<int64_t>({1, 0, 1}, {3}));
}

TEST(Argmax, OverAllDimensionsCountsRowMajor) {
  const Tensor x = Tensor::from<float>({1, 3, 3, 5, 2, 5}, {2, 3});
  golden::expect_equal(argmax(x, {.dim = std::nullopt}), Tensor::full({}, 3, DType::i64));
  golden::expect_equal(argmax(x, {}), argmax(x, -1));
  golden::expect_equal(argmin(x, {.dim = std::nullopt, .keepdim = true}), Tensor::zeros({1, 1}, DType::i64));
}

TEST(Argmax, AgreesWithASearchAlongEveryDimension) {
  const Tensor x = uniform({3, 70, 130}, 1, DType::f32);
  for (int dim = 0; dim < 3; ++dim) {
    const Tensor at = argmax(x, dim);
    const Tensor low = argmin(x, dim);
    const int64_t stride = dim == 0 ? 70 * 130 : dim == 1 ? 130 : 1;
    for (int64_t i = 0; i < at.numel(); ++i) {
      const float* line = x.data<float>() + i / stride * stride * x.dim(dim) + i % stride;
      int64_t best = 0;
      int64_t least = 0;
      for (int64_t k = 1; k < x.dim(dim); ++k) {
        if (line[k * stride] > line[best * stride]) best = k;
        if (line[k * stride] < line[least * stride]) least = k;
      }
      ASSERT_EQ(at.data<int64_t>()[i], best) << dim << " at " << i;
      ASSERT_EQ(low.data<int64_t>()[i], least) << dim << " at " << i;
    }
  }
}

TEST(Argmin, FindsTheLowestIndexOfTheSmallestAndLetsNanWin) {
  const Tensor x = Tensor::from<float>({1, 3, 1, 5, kNan, 2}, {2, 3});
  golden::expect_equal(argmin(x), Tensor::from<int64_t>({0, 1}, {2}));
  golden::expect_equal(argmin(x, 0), Tensor::from<int64_t>({0, 1, 0}, {3}));
}

TEST(Reductions, TakeOneDimensionOrAListOfThem) {
  const Tensor x = uniform({2, 3, 4}, 1, DType::f32, 0.5, 2);
  const auto expect_all_forms = [&](auto&& by_options, auto&& by_dim, auto&& by_list) {
    golden::expect_equal(by_dim(1, false), by_options(std::vector<int>{1}, false));
    golden::expect_equal(by_dim(int64_t{-1}, true), by_options(std::vector<int>{-1}, true));
    golden::expect_equal(by_list(true), by_options(std::vector<int>{0, 2}, true));
  };
#define EXPECT_ALL_FORMS(f, Options)                                                                               \
  expect_all_forms(                                                                                                \
      [&](const std::vector<int>& dims, bool keepdim) { return f(x, Options{.dims = dims, .keepdim = keepdim}); }, \
      [&](auto dim, bool keepdim) { return f(x, dim, keepdim); },                                                  \
      [&](bool keepdim) {                                                                                          \
        return f(x, {0, -1}, keepdim);                                                                             \
      })
  EXPECT_ALL_FORMS(sum, ReduceOptions);
  EXPECT_ALL_FORMS(mean, ReduceOptions);
  EXPECT_ALL_FORMS(max, ReduceOptions);
  EXPECT_ALL_FORMS(min, ReduceOptions);
  EXPECT_ALL_FORMS(prod, ReduceOptions);
  EXPECT_ALL_FORMS(logsumexp, ReduceOptions);
  EXPECT_ALL_FORMS(var, VarOptions);
  EXPECT_ALL_FORMS(stddev, VarOptions);
  EXPECT_ALL_FORMS(any, ReduceOptions);
  EXPECT_ALL_FORMS(all, ReduceOptions);
  EXPECT_ALL_FORMS(count_nonzero, ReduceOptions);
#undef EXPECT_ALL_FORMS
  golden::expect_equal(sum(x, {}), sum(x));
  golden::expect_equal(sum(x, {0, 1}), sum(x, {.dims = {0, 1}}));
  golden::expect_equal(sum(x, {{0}, true}), sum(x, {.dims = {0}, .keepdim = true}));
  golden::expect_equal(argmax(x, int64_t{-1}), argmax(x, 2));
  golden::expect_equal(argmin(x, 0, true), argmin(x, {.dim = 0, .keepdim = true}));
  message_of<ShapeError>([&] { sum(x, int64_t{1} << 32); });
  message_of<ShapeError>([&] { argmax(x, 3); });
  message_of<ShapeError>([&] { sum(x, {0, 0}); });
}

TEST(Stddev, IsTheRootOfTheVarianceAndHasNoSlopeAtZero) {
  Tensor x = Tensor::from<float>({1, 3, 5, 5}, {2, 2}).set_requires_grad();
  const Tensor y = stddev(x, 1);
  golden::expect_close(y.detach(), Tensor::from<float>({std::sqrt(2.F), 0}, {2}));
  y.backward(Tensor::ones({2}));
  golden::expect_close(x.grad(), Tensor::from<float>({-std::sqrt(0.5F), std::sqrt(0.5F), 0, 0}, {2, 2}));
  EXPECT_TRUE(std::isnan(stddev(Tensor::ones({1})).item<float>()));
}

TEST(Counts, TakeAnyDtypeAndCountWhatIsNotZero) {
  const Tensor x = Tensor::from<float>({0, -0.F, kNan, 2, 0, 0}, {2, 3});
  golden::expect_equal(count_nonzero(x), Tensor::full({}, 2, DType::i64));
  golden::expect_equal(count_nonzero(x, 1), Tensor::from<int64_t>({1, 1}));
  golden::expect_equal(any(x, 0), Tensor::from({true, false, true}));
  golden::expect_equal(all(x, 0), Tensor::from({false, false, false}));
  for (const DType dtype : {DType::f64, DType::i64, DType::i32, DType::boolean}) {
    const Tensor y = Tensor::from<double>({1, 0, 1, 1}, {2, 2}).to(dtype);
    golden::expect_equal(any(y, 1), Tensor::from({true, true}));
    golden::expect_equal(all(y, 1), Tensor::from({false, true}));
    EXPECT_EQ(count_nonzero(y).item<int>(), 3);
  }
  // Above the 2^24 to which float counts.
  EXPECT_EQ(count_nonzero(Tensor::ones({(1 << 24) + 3}, DType::boolean)).item<int64_t>(), (1 << 24) + 3);
}

TEST(Counts, OfNothingAreNoneAndAll) {
  const Tensor x = Tensor::zeros({0, 2});
  EXPECT_FALSE(any(x).item<bool>());
  EXPECT_TRUE(all(x).item<bool>());
  golden::expect_equal(all(x, 0), Tensor::from({true, true}));
  golden::expect_equal(count_nonzero(x, {.dims = {0}, .keepdim = true}), Tensor::zeros({1, 2}, DType::i64));
  message_of<StateError>([] { any(Tensor()); });
  message_of<ShapeError>([&] { all(x, 2); });
}

TEST(Argmax, RefusesEmptyDimensionsAndScalars) {
  EXPECT_NE(message_of<ShapeError>([] {
              argmax(Tensor::zeros({2, 0}));
            }).find("dimension 1 of [2, 0]"),
            std::string::npos);
  message_of<ShapeError>([] { argmax(Tensor::zeros({})); });
  EXPECT_EQ(argmax(Tensor::zeros({0, 2})).shape(), Shape({0}));
}

}  // namespace
}  // namespace gossamer::test_reduce
