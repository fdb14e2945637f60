// Layer distributions: shares, capping, overrides. The published densities are in test_external_masks.cc.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/random.h"
#include "gossamer/sparse/distribution.h"
#include "gossamer/sparse/static.h"
#include "tests/sparse/support.h"

namespace gossamer::sparse::test_distribution {
namespace {

using test::contains;
using test::dense_parameter;

using Parameters = std::vector<Parameter>;

Parameters network() {
  return {dense_parameter("fc1.weight", {300, 784}, 1), dense_parameter("fc1.bias", {300}, 2),
          dense_parameter("fc2.weight", {100, 300}, 3), dense_parameter("fc2.bias", {100}, 4),
          dense_parameter("fc3.weight", {10, 100}, 5)};
}

TEST(Matching, KeepsTheParametersThatTheFilterTakesInTheirOrder) {
  const Parameters all = network();
  EXPECT_EQ(matching(all, {"fc3*", "*1.weight"}), (Parameters{all[0], all[4]}));
  EXPECT_EQ(matching(all, "*"), all);
  EXPECT_EQ(matching(all, [](const std::string&, const Parameter& p) { return p.shape().rank() == 1; }),
            (Parameters{all[1], all[3]}));
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { matching(all, "fc4*"); }), "takes none of 5"));
}

TEST(Distribute, UniformGivesEveryParameterTheSameSparsity) {
  for (const auto& [name, s] : distribute(network(), {.kind = Distribution::Uniform, .sparsity = 0.8})) {
    EXPECT_EQ(s, 0.8) << name;
  }
}

// Random shapes of rank 1 to 4.
Parameters random_model(uint64_t key) {
  Parameters model;
  auto draw = [&, index = uint64_t{0}](uint64_t n) mutable {
    return static_cast<int64_t>(random_bits(key, index++) % n) + 1;
  };
  const int64_t layers = draw(6);
  for (int64_t i = 0; i < layers; ++i) {
    std::vector<int64_t> dims(static_cast<size_t>(draw(4)));
    for (int64_t& dim : dims) dim = draw(dims.size() > 2 ? 7 : 60);
    model.push_back(dense_parameter("p" + std::to_string(i), Shape(dims), key));
  }
  return model;
}

double ratio(const Parameter& p, Distribution kind) {
  const Shape& s = p.shape();
  if (s.rank() == 1) return (1.0 + static_cast<double>(s[0])) / static_cast<double>(s[0]);
  double sum = 0;
  double product = 1;
  for (int i = 0; i < (kind == Distribution::ER ? 2 : s.rank()); ++i) {
    sum += static_cast<double>(s[i]);
    product *= static_cast<double>(s[i]);
  }
  return sum / product;
}

TEST(Distribute, ErdosRenyiSharesTheConnectionsByTheRatioAndCapsAtDense) {
  for (uint64_t key = 0; key < 200; ++key) {
    const Parameters model = random_model(key);
    for (const Distribution kind : {Distribution::ER, Distribution::ERK}) {
      for (const double sparsity : {0.0, 0.3, 0.9, 0.99}) {
        for (const double power : {0.0, 0.5, 1.0, 2.0}) {
          SCOPED_TRACE(testing::Message() << "model " << key << ", sparsity " << sparsity << ", power " << power);
          const auto result = distribute(model, {.kind = kind, .sparsity = sparsity, .power_scale = power});
          double connections = 0;
          double expected = 0;
          double factor = 0;  // of all layers that were not capped
          for (const Parameter& p : model) {
            const double density = 1 - result.at(p.name());
            const auto n = static_cast<double>(p.numel());
            ASSERT_TRUE(density >= 0 && density <= 1) << density;
            connections += density * n;
            expected += n - std::floor(sparsity * n);
            if (density == 1) continue;
            const double own = density / std::pow(ratio(p, kind), power);
            if (factor != 0) {
              EXPECT_NEAR(own, factor, 1e-9 * factor);
            }
            factor = own;
          }
          EXPECT_NEAR(connections, expected, 1e-9 * (1 + expected));
          // Who was capped would have had more than all there is.
          for (const Parameter& p : model) {
            if (result.at(p.name()) == 0 && factor != 0) {
              EXPECT_GE(factor * std::pow(ratio(p, kind), power), 1 - 1e-9);
            }
          }
        }
      }
    }
  }
}

TEST(Distribute, AnOverrideIsTakenAsItIsAndTheOthersShareAmongThemselves) {
  const Parameters all = network();
  const auto result = distribute(all, {.sparsity = 0.9, .overrides = {{"fc3*", 0.25}, {"*.bias", 0}, {"fc*", 0.5}}});
  EXPECT_EQ(result.at("fc3.weight"), 0.25);
  EXPECT_EQ(result.at("fc1.bias"), 0);
  EXPECT_EQ(result.at("fc1.weight"), 0.5);  // the third glob matches what the first two left
  const auto sharing = distribute(all, {.sparsity = 0.9, .overrides = {{"fc3*", 0.25}, {"*.bias", 0}}});
  const auto alone = distribute({all[0], all[2]}, {.sparsity = 0.9});
  for (const auto& [name, s] : alone) EXPECT_EQ(sharing.at(name), s) << name;
}

TEST(Distribute, IsASparsityThatAnAlgorithmTakes) {
  const Parameters all = network();
  const auto sparsity = distribute(all, {.sparsity = 0.9});
  Static algorithm({.sparsity = sparsity});
  algorithm.apply(all);
  for (const Parameter& p : all) {
    EXPECT_EQ(p.nnz(), num_kept(static_cast<float>(sparsity.at(p.name())), p.numel())) << p.name();
  }
}

TEST(Distribute, LeavesOutAParameterWithRequiresDense) {
  const Parameters all = network();
  all[4].set_requires_dense();
  const auto result = distribute(all, {.sparsity = 0.9});
  EXPECT_FALSE(result.contains("fc3.weight"));
  EXPECT_EQ(result, distribute({all[0], all[1], all[2], all[3]}, {.sparsity = 0.9}));
}

TEST(Distribute, MistakesAreConfigErrors) {
  const Parameters all = network();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double s : {-1.0, 1.0, nan}) {
    EXPECT_TRUE(contains(message_of<ConfigError>([&] { distribute(all, {.sparsity = s}); }), "below 1"));
    EXPECT_THROW(distribute(all, {.sparsity = 0.5, .overrides = {{"*", s}}}), ConfigError);
  }
  for (const double power : {-1.0, nan, std::numeric_limits<double>::infinity()}) {
    EXPECT_THROW(distribute(all, {.sparsity = 0.5, .power_scale = power}), ConfigError);
  }
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { distribute(all, {.overrides = {{"fc9", 0.5}}}); }), "'fc9'"));
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { distribute({all[0], all[0]}, {}); }), "'fc1.weight' twice"));
  EXPECT_TRUE(contains(message_of<ConfigError>([] { distribute({}, {}); }), "none"));
}

}  // namespace
}  // namespace gossamer::sparse::test_distribution
