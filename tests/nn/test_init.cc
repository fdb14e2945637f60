// Initial values: their distributions, and that a CSR parameter gets those of the dense one.
#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "gossamer/nn/init.h"
#include "gossamer/runtime.h"
#include "tests/nn/support.h"

namespace gossamer::nn::init::test_init {
namespace {

using Fill = std::function<void(const Parameter&)>;

const std::vector<std::pair<std::string, Fill>> kFills = {
    {"constant", [](const Parameter& p) { constant(p, 0.75); }},
    {"uniform", [](const Parameter& p) { uniform(p, 5, {.low = -2, .high = 3}); }},
    {"normal", [](const Parameter& p) { normal(p, 5, {.mean = 1, .std = 2}); }},
    {"xavier_uniform", [](const Parameter& p) { xavier_uniform(p, 5); }},
    {"xavier_normal", [](const Parameter& p) { xavier_normal(p, 5, {.gain = 2}); }},
    {"kaiming_uniform", [](const Parameter& p) { kaiming_uniform(p, 5); }},
    {"kaiming_normal", [](const Parameter& p) { kaiming_normal(p, 5, {.fan = Fan::Out}); }},
};

Tensor filled(const Shape& shape, const Fill& fill, DType dtype = DType::f64, double sparsity = 0) {
  const Parameter p = make_parameter({.shape = shape, .dtype = dtype, .sparsity = sparsity}, 9);
  fill(p);
  return p.dense();
}

struct Moments {
  double mean, std, lowest, highest;
};

Moments moments_of(const Tensor& values) {
  Moments m{0, 0, values.data<double>()[0], values.data<double>()[0]};
  double squares = 0;
  for (const double v : values.span<double>()) {
    m.mean += v;
    squares += v * v;
    m.lowest = std::min(m.lowest, v);
    m.highest = std::max(m.highest, v);
  }
  const auto n = static_cast<double>(values.numel());
  m.mean /= n;
  m.std = std::sqrt(squares / n - m.mean * m.mean);
  return m;
}

TEST(Init, OfACsrParameterIsTheMaskedDenseOneOnAnyNumberOfThreads) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const auto& [name, function] : kFills) {
      SCOPED_TRACE(name);
      const Fill& fill = function;
      const Shape shape{40, 10, 3, 3};
      const Parameter csr = make_parameter({.shape = shape, .dtype = dtype, .sparsity = 0.8}, 9);
      ASSERT_TRUE(csr.is_csr());
      EXPECT_EQ(csr.nnz(), static_cast<int64_t>((1 - 0.8F) * 3600.0F));
      fill(csr);
      const Tensor dense = filled(shape, fill, dtype);
      // Not by bytes: a product with 0 may be -0.
      expect_close(csr.dense(), mul(dense, csr.mask().to(dtype)), 0, 0);
      with_threads(3, [&] { expect_equal(filled(shape, fill, dtype), dense); });
    }
  }
}

TEST(Init, KeepsMeanSpreadAndBounds) {
  const Shape shape{300, 400};
  const Moments uniform = moments_of(filled(shape, kFills[1].second));
  EXPECT_NEAR(uniform.mean, 0.5, 0.02);
  EXPECT_NEAR(uniform.std, 5 / std::sqrt(12.0), 0.02);
  EXPECT_GE(uniform.lowest, -2);
  EXPECT_LT(uniform.highest, 3);
  const Tensor values = filled(shape, kFills[2].second);
  const Moments normal = moments_of(values);
  EXPECT_NEAR(normal.mean, 1, 0.03);
  EXPECT_NEAR(normal.std, 2, 0.03);
  // Shares within 1, 2 and 3 standard deviations, to five of their own.
  const double shares[] = {0.682689, 0.954500, 0.997300};
  for (int sigma = 1; sigma <= 3; ++sigma) {
    const auto inside =
        std::ranges::count_if(values.span<double>(), [&](double v) { return std::abs(v - 1) < 2 * sigma; });
    EXPECT_NEAR(static_cast<double>(inside) / static_cast<double>(values.numel()), shares[sigma - 1], 0.007);
  }
}

TEST(Init, ScalesByInputsAndOutputsWindowsIncluded) {
  const Shape shape{100, 50, 3, 2};  // fan_in 300, fan_out 600
  const auto std_of = [&](const Fill& fill) { return moments_of(filled(shape, fill)).std; };
  EXPECT_NEAR(std_of([](const Parameter& p) { xavier_uniform(p, 1); }), std::sqrt(2.0 / 900), 0.001);
  EXPECT_NEAR(std_of([](const Parameter& p) { xavier_normal(p, 1, {.gain = 3}); }), 3 * std::sqrt(2.0 / 900), 0.002);
  EXPECT_NEAR(std_of([](const Parameter& p) { kaiming_uniform(p, 1); }), std::sqrt(2.0 / 300), 0.001);
  EXPECT_NEAR(std_of([](const Parameter& p) { kaiming_normal(p, 1, {.fan = Fan::Out}); }), std::sqrt(2.0 / 600), 0.001);
  // The default of torch.nn.Linear: uniform in ±1/sqrt(fan_in).
  const Moments linear =
      moments_of(filled(shape, [](const Parameter& p) { kaiming_uniform(p, 1, {.negative_slope = std::sqrt(5.0)}); }));
  EXPECT_LE(linear.highest, 1 / std::sqrt(300.0));
  EXPECT_GT(linear.highest, 0.99 / std::sqrt(300.0));
  EXPECT_GE(linear.lowest, -1 / std::sqrt(300.0));
}

TEST(Init, DrawsDifferentValuesForDifferentKeys) {
  const Parameter a = make_parameter({.shape = {4, 4}}, 0);
  const Parameter b = make_parameter({.shape = {4, 4}}, 0);
  normal(a, 1);
  normal(b, 2);
  EXPECT_NE(a.values().data<float>()[0], b.values().data<float>()[0]);
}

TEST(Init, RefusesVectorsWhereItNeedsFansAndOptionsOutOfRange) {
  const Parameter bias = make_parameter({.shape = {4}}, 0);
  const std::string message = message_of<ShapeError>([&] { kaiming_uniform(bias, 1); });
  EXPECT_NE(message.find("kaiming_uniform: the shape must be [out, in, ...]; [4]"), std::string::npos) << message;
  EXPECT_THROW(xavier_normal(bias, 1), ShapeError);
  for (const double sparsity : {-0.1, 1.0, std::nan("")}) {
    EXPECT_THROW(make_parameter({.shape = {4, 4}, .sparsity = sparsity}, 0), ConfigError) << sparsity;
  }
  EXPECT_THROW(make_parameter({.shape = {4, 4}, .dtype = DType::i64}, 0), DTypeError);
  EXPECT_THROW(make_parameter({.shape = {4, 4}, .dtype = DType::i64, .sparsity = 0.5}, 0), DTypeError);
}

}  // namespace
}  // namespace gossamer::nn::init::test_init
