// Transcendental functions of float against correctly rounded results (tests/golden/umath_f32_ulp.csv), on every
// target.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/elementwise.h"
#include "tests/kernels/simd_target_test.h"

namespace gossamer::kernels::umath_test {
namespace {

struct Function {
  Unary op;
  std::vector<float> x{}, expected{};
  std::vector<int64_t> max_ulp{};
};

std::map<std::string, Function> load() {
  std::map<std::string, Function> functions{{"exp", {Unary::Exp}},     {"log", {Unary::Log}}, {"expm1", {Unary::Expm1}},
                                            {"log1p", {Unary::Log1p}}, {"sin", {Unary::Sin}}, {"cos", {Unary::Cos}},
                                            {"tanh", {Unary::Tanh}}};
  std::ifstream file(GOSSAMER_GOLDEN_DIR "/umath_f32_ulp.csv");
  std::string line;
  std::getline(file, line);  // the header
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string name, input, expected, max_ulp;
    std::getline(fields, name, ',');
    std::getline(fields, input, ',');
    std::getline(fields, expected, ',');
    std::getline(fields, max_ulp, ',');
    const auto from_bits = [](const std::string& hex) {
      return std::bit_cast<float>(static_cast<uint32_t>(std::stoul(hex, nullptr, 16)));
    };
    Function& function = functions.at(name);
    function.x.push_back(from_bits(input));
    function.expected.push_back(from_bits(expected));
    function.max_ulp.push_back(std::stoll(max_ulp));
  }
  return functions;
}

// Distance in representable numbers; zeros of different sign are one apart.
int64_t ulps(float a, float b) {
  if (std::isnan(a) || std::isnan(b)) {
    return std::isnan(a) && std::isnan(b) ? 0 : std::numeric_limits<int64_t>::max();
  }
  const auto order = [](float x) {
    const auto bits = std::bit_cast<int32_t>(x);
    return bits < 0 ? -int64_t{bits & std::numeric_limits<int32_t>::max()} - 1 : int64_t{bits};
  };
  return std::abs(order(a) - order(b));
}

class UmathTest : public testing::SimdTargetTest {};
GOSSAMER_ON_EVERY_SIMD_TARGET(UmathTest);

TEST_P(UmathTest, StaysWithinTheAllowedDistanceOfTheCorrectResult) {
  size_t vectors = 0;
  for (const auto& [name, function] : load()) {
    const auto n = static_cast<int64_t>(function.x.size());
    std::vector<float> y(function.x.size());
    map(function.op, n, function.x.data(), y.data());
    int64_t worst = 0;
    for (size_t i = 0; i < y.size(); ++i) {
      const int64_t distance = ulps(y[i], function.expected[i]);
      worst = std::max(worst, distance);
      EXPECT_LE(distance, function.max_ulp[i]) << name << " of " << function.x[i] << " is " << y[i];
    }
    RecordProperty(name + "_worst_ulp", std::to_string(worst));
    vectors += y.size();
  }
  EXPECT_EQ(vectors, 3699);
}

// A unit in the last place of the float nearest to x.
double unit_of(double x) {
  int exponent;
  std::frexp(static_cast<float>(x), &exponent);
  return std::ldexp(1.0, exponent - 24);
}

TEST_P(UmathTest, IsWithinOneAndAHalfUnitsOfTheExactResultAcrossItsRange) {
  struct Range {
    Unary op;
    double (*exact)(double);
    float low, high;
  };
  const std::vector<Range> ranges{{Unary::Exp, std::exp, -80, 88},       {Unary::Log, std::log, 1e-3F, 3},
                                  {Unary::Expm1, std::expm1, -1, 1},     {Unary::Log1p, std::log1p, -0.9F, 1},
                                  {Unary::Sin, std::sin, -8000, 8000},   {Unary::Cos, std::cos, -8000, 8000},
                                  {Unary::Tanh, std::tanh, -1.5F, 1.5F}, {Unary::Erf, std::erf, -4, 4}};
  std::vector<float> x(200000), y(x.size());
  for (const Range& range : ranges) {
    testing::fill_uniform(x, 3);
    for (float& v : x) v = range.low + (range.high - range.low) * (v + 1) / 2;
    map(range.op, static_cast<int64_t>(x.size()), x.data(), y.data());
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double exact = range.exact(x[i]);
      worst = std::max(worst, std::abs(y[i] - exact) / unit_of(exact));
    }
    EXPECT_LE(worst, 1.5) << "function " << static_cast<int>(range.op);
  }
}

// Beyond the range that is reduced in vectors, and where there is nothing to reduce.
TEST_P(UmathTest, SinAndCosAreThoseOfTheScalarLibraryForLargeArguments) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> x{1,     39001, -1e6F, 3.4e38F, 1e-45F, infinity, -infinity, 0,
                             -4e4F, 7e9F,  1e20F, 2,       3,      4,        5,         6};
  std::vector<float> y(x.size());
  for (const bool is_sin : {true, false}) {
    map(is_sin ? Unary::Sin : Unary::Cos, static_cast<int64_t>(x.size()), x.data(), y.data());
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_LE(ulps(y[i], is_sin ? std::sin(x[i]) : std::cos(x[i])), 1) << x[i];
    }
  }
}

}  // namespace
}  // namespace gossamer::kernels::umath_test
