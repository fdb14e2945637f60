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
    {"truncated_normal", [](const Parameter& p) { truncated_normal(p, 5, {.mean = 1, .std = 2, .a = -2}); }},
    {"orthogonal", [](const Parameter& p) { orthogonal(p, 5, {.gain = 3}); }},
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

TEST(Init, TruncatedNormalIsTheNormalBetweenItsBounds) {
  // Mean and spread of a standard normal between bounds, and how close 120000 draws come.
  const auto density = [](double z) { return std::exp(-z * z / 2) / std::sqrt(2 * 3.14159265358979); };
  const auto share = [](double z) { return std::erfc(-z / std::sqrt(2.0)) / 2; };
  for (const auto& [low, high] : {std::pair{-2.0, 2.0}, {-1.0, 3.0}, {0.5, 0.75}, {3.0, 9.0}, {-40.0, -1.5}}) {
    SCOPED_TRACE(testing::Message() << low << " to " << high);
    // Differences of shares above 0 are taken in the mirrored tail, where they keep their digits.
    const double mass = low > 0 ? share(-low) - share(-high) : share(high) - share(low);
    const double mean = (density(low) - density(high)) / mass;
    const double variance = 1 + (low * density(low) - high * density(high)) / mass - mean * mean;
    const Moments m = moments_of(filled({300, 400}, [low = low, high = high](const Parameter& p) {
      truncated_normal(p, 3, {.mean = 10, .std = 2, .a = 10 + 2 * low, .b = 10 + 2 * high});
    }));
    EXPECT_NEAR((m.mean - 10) / 2, mean, 0.01 * std::sqrt(variance));
    EXPECT_NEAR(m.std / 2, std::sqrt(variance), 0.015 * std::sqrt(variance));
    EXPECT_GE(m.lowest, 10 + 2 * low);
    EXPECT_LE(m.highest, 10 + 2 * high);
  }
  // Within one and two standard deviations, as the whole distribution has them.
  const Tensor values = filled({300, 400}, [](const Parameter& p) { truncated_normal(p, 3, {.a = -9, .b = 9}); });
  for (const auto& [sigma, expected] : {std::pair{1.0, 0.682689}, {2.0, 0.954500}, {3.0, 0.997300}}) {
    const auto inside = std::ranges::count_if(values.span<double>(), [s = sigma](double v) { return std::abs(v) < s; });
    EXPECT_NEAR(static_cast<double>(inside) / 120000, expected, 0.005);
  }
  // So far out that no share is left, and with one value alone.
  const Moments far =
      moments_of(filled({9, 9}, [](const Parameter& p) { truncated_normal(p, 3, {.a = 90, .b = 91}); }));
  EXPECT_GE(far.lowest, 90);
  EXPECT_LE(far.highest, 91);
  EXPECT_EQ(moments_of(filled({2, 2}, [](const Parameter& p) { truncated_normal(p, 3, {.a = 1, .b = 1}); })).highest,
            1);
}

TEST(Init, OrthogonalHasOrthonormalRowsOrColumnsTimesItsGain) {
  for (const Shape& shape : {Shape({40, 70}), Shape({70, 40}), Shape({33, 33}), Shape({6, 5, 2, 2}), Shape({1, 7}),
                             Shape({7, 1}), Shape({1, 1})}) {
    SCOPED_TRACE(shape.to_string());
    const MatrixSize size = as_matrix(shape);
    const Tensor w =
        filled(shape, [](const Parameter& p) { orthogonal(p, 3, {.gain = 2}); }).alias({size.rows, size.cols});
    const bool wide = size.rows <= size.cols;
    const Tensor gram = matmul(w, w, {.transpose_a = !wide, .transpose_b = wide});
    const int64_t n = gram.dim(0);
    Tensor expected = Tensor::zeros({n, n}, DType::f64);
    for (int64_t i = 0; i < n; ++i) expected.mutable_data<double>()[i * n + i] = 4;
    expect_close(gram, expected, 0, 1e-12);
  }
  // Uniform among orthogonal matrices: the first element is as often negative as positive, of variance 1 / n.
  double sum = 0;
  double squares = 0;
  for (uint64_t key = 0; key < 2000; ++key) {
    const double v = filled({3, 3}, [=](const Parameter& p) { orthogonal(p, key); }).data<double>()[0];
    sum += v;
    squares += v * v;
  }
  EXPECT_NEAR(sum / 2000, 0, 0.05);
  EXPECT_NEAR(squares / 2000, 1.0 / 3, 0.03);
  orthogonal(make_parameter({.shape = {0, 3}}, 1), 1);
}

// Outputs of 1, 2 and 6 connections, inputs (of two columns each) of 3, 2 and 4.
Parameter uneven() {
  const auto pattern = CsrPattern::from_positions(3, 6, std::vector<int64_t>{4, 6, 10, 12, 13, 14, 15, 16, 17});
  return Parameter::csr({3, 3, 2}, pattern, Tensor::zeros({9}, DType::f64));
}

TEST(Init, ScalesByTheConnectionsOfEachUnitWhereTheMaskIsAskedFor) {
  const double in[] = {1, 2, 6};
  const double out[] = {3, 2, 4};
  const auto check = [&](const Fill& fill, const Fill& unscaled, const std::function<double(double, double)>& std) {
    const Parameter p = uneven();
    fill(p);
    const Parameter expected = uneven();
    unscaled(expected);
    p.pattern()->for_each([&](const SlotPosition& at) {
      const double scale = std(in[at.row], out[at.col / 2]);
      EXPECT_NEAR(p.values().data<double>()[at.slot], scale * expected.values().data<double>()[at.slot], 1e-14);
    });
  };
  const double bound = std::sqrt(3.0);
  const Fill unit_uniform = [=](const Parameter& p) { uniform(p, 5, {.low = -bound, .high = bound}); };
  const Fill unit_normal = [](const Parameter& p) { normal(p, 5); };
  check([](const Parameter& p) { kaiming_uniform(p, 5, {.use_mask = true}); }, unit_uniform,
        [](double fan_in, double) { return std::sqrt(2 / fan_in); });
  check([](const Parameter& p) { kaiming_normal(p, 5, {.negative_slope = 2, .fan = Fan::Out, .use_mask = true}); },
        unit_normal, [](double, double fan_out) { return std::sqrt(2 / (5 * fan_out)); });
  check([](const Parameter& p) { xavier_normal(p, 5, {.gain = 3, .use_mask = true}); }, unit_normal,
        [](double fan_in, double fan_out) { return 3 * std::sqrt(2 / (fan_in + fan_out)); });
  check([](const Parameter& p) { xavier_uniform(p, 5, {.use_mask = true}); }, unit_uniform,
        [](double fan_in, double fan_out) { return std::sqrt(2 / (fan_in + fan_out)); });
  // Of a dense parameter nothing is masked.
  expect_equal(filled({4, 5}, [](const Parameter& p) { kaiming_normal(p, 5, {.use_mask = true}); }),
               filled({4, 5}, [](const Parameter& p) { kaiming_normal(p, 5); }));
}

TEST(Init, OfTheMaskKeepsTheSignalAtAnySparsity) {
  for (const double sparsity : {0.0, 0.9, 0.98}) {
    const Parameter p = make_parameter({.shape = {400, 600}, .dtype = DType::f64, .sparsity = sparsity}, 9);
    kaiming_normal(p, 5, {.use_mask = true});
    const Tensor x = nn::uniform({200, 600}, 3, DType::f64);
    // Half of the outputs pass a ReLU: a second moment as large as that of the inputs.
    const Tensor y = relu(matmul(x, p.dense(), {.transpose_b = true}));
    EXPECT_NEAR(mean(mul(y, y)).item<double>() / mean(mul(x, x)).item<double>(), 1, 0.06) << sparsity;
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
  EXPECT_THROW(orthogonal(bias, 1), ShapeError);
  const Parameter weight = make_parameter({.shape = {2, 2}}, 0);
  EXPECT_THROW(orthogonal(weight, 1, {.gain = std::nan("")}), ConfigError);
  EXPECT_THROW(truncated_normal(weight, 1, {.std = 0}), ConfigError);
  EXPECT_THROW(truncated_normal(weight, 1, {.mean = std::nan("")}), ConfigError);
  EXPECT_THROW(truncated_normal(weight, 1, {.a = 2, .b = 1}), ConfigError);
  expect_equal(weight.values(), Tensor::zeros({2, 2}));
  for (const double sparsity : {-0.1, 1.0, std::nan("")}) {
    EXPECT_THROW(make_parameter({.shape = {4, 4}, .sparsity = sparsity}, 0), ConfigError) << sparsity;
  }
  EXPECT_THROW(make_parameter({.shape = {4, 4}, .dtype = DType::i64}, 0), DTypeError);
  EXPECT_THROW(make_parameter({.shape = {4, 4}, .dtype = DType::i64, .sparsity = 0.5}, 0), DTypeError);
}

}  // namespace
}  // namespace gossamer::nn::init::test_init
