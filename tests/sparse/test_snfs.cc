// SNFS: momentum over a window of steps, sharing among parameters, and when factors are retained.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/functional.h"
#include "gossamer/ops.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/sparse/snfs.h"
#include "parameter/access.h"
#include "sparse/selection/apportion.h"
#include "sparse/selection/select.h"
#include "tests/sparse/support.h"
#include "tests/support/golden.h"

namespace gossamer::sparse::test_snfs {
namespace {

using golden::expect_equal;
using test::contains;
using test::dense_parameter;
using test::mask_string;
using test::positions_of;
using test::select;
using test::set_dense_gradient;
using test::uniform;

// ---- apportion ----

TEST(Apportion, SharesInProportionWithinOneAndAddsUp) {
  for (uint64_t key = 0; key < 200; ++key) {
    const auto n = static_cast<size_t>(random_bits(key, 0) % 6 + 1);
    const auto total = static_cast<int64_t>(random_bits(key, 1) % 1000);
    std::vector<double> weights;
    for (size_t i = 0; i < n; ++i) weights.push_back(random_double(key, i + 2) + 0.01);
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    const auto shares = apportion(total, weights, std::vector<int64_t>(n, 5000));
    EXPECT_EQ(std::accumulate(shares.begin(), shares.end(), int64_t{0}), total);
    for (size_t i = 0; i < n; ++i) {
      EXPECT_NEAR(static_cast<double>(shares[i]), static_cast<double>(total) * weights[i] / sum, 1 + 1e-9);
    }
  }
}

TEST(Apportion, WhatIsAboveACapacityGoesToTheOthers) {
  EXPECT_EQ(apportion(100, {1, 1, 2}, {1000, 1000, 10}), (std::vector<int64_t>{45, 45, 10}));
  EXPECT_EQ(apportion(100, {1, 0, 3}, {20, 1000, 30}), (std::vector<int64_t>{20, 50, 30}));
  EXPECT_EQ(apportion(100, {1, 2}, {20, 30}), (std::vector<int64_t>{20, 30}));
  EXPECT_EQ(apportion(7, {0, 0, 0}, {9, 9, 9}), (std::vector<int64_t>{3, 2, 2}));
  EXPECT_EQ(apportion(1, {1, 2, 2}, {9, 9, 9}), (std::vector<int64_t>{0, 1, 0}));
  EXPECT_EQ(apportion(0, {1, 2}, {9, 9}), (std::vector<int64_t>{0, 0}));
  EXPECT_TRUE(apportion(5, {}, {}).empty());
}

// ---- The algorithm, against its definition on dense momenta ----

// The new patterns as the definition has them.
std::vector<Positions> specified(const std::vector<Parameter>& parameters, const std::vector<Tensor>& momenta,
                                 float sparsity, float drop, bool redistribute) {
  std::vector<Positions> result;
  std::vector<double> weights;
  std::vector<int64_t> missing;
  std::vector<int64_t> room;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& p = parameters[i];
    const Tensor m = momenta[i].to(DType::f64);
    const MatrixSize size = as_matrix(p.shape());
    result.push_back(largest_magnitudes(*p.pattern(), p.values(), {.rows = size.rows, .cols = size.cols},
                                        num_after_drop(drop, p.nnz(), 1)));
    double sum = 0;
    for (const int64_t at : positions_of(*p.pattern())) sum += std::abs(m.data<double>()[at]);
    weights.push_back(sum / static_cast<double>(p.nnz()));
    missing.push_back(num_kept(sparsity, p.numel()) - static_cast<int64_t>(result.back().size()));
    room.push_back(p.numel() - static_cast<int64_t>(result.back().size()));
  }
  if (redistribute) missing = apportion(std::accumulate(missing.begin(), missing.end(), int64_t{0}), weights, room);
  for (size_t i = 0; i < parameters.size(); ++i) {
    const MatrixSize size = as_matrix(parameters[i].shape());
    const Tensor m = momenta[i].to(DType::f64);
    std::vector<std::pair<double, int64_t>> absent;
    for_each_absent(result[i], size.cols, 0, size.rows,
                    [&](int64_t, int64_t, int64_t at) { absent.emplace_back(-std::abs(m.data<double>()[at]), at); });
    std::ranges::sort(absent);
    for (int64_t k = 0; k < missing[i]; ++k) result[i].push_back(absent[static_cast<size_t>(k)].second);
    std::ranges::sort(result[i]);
  }
  return result;
}

TEST(SNFS, SharesAndGrowsByTheMomentumOfTheWindow) {
  uint64_t key = 0;
  for (const bool redistribute : {true, false}) {
    for (const int64_t window : {1, 3, 10}) {
      const std::vector<Parameter> model{dense_parameter("a", {12, 20}, ++key), dense_parameter("b", {8, 12}, ++key)};
      SNFS algorithm({.sparsity = 0.75,
                      .drop_fraction = 0.4,
                      .update = {.freq = 5},
                      .momentum = 0.5,
                      .window = window,
                      .redistribute = redistribute});
      algorithm.apply(model);
      std::vector<Tensor> momenta;
      for (const Parameter& p : model) momenta.push_back(Tensor::zeros(p.shape(), DType::f64));
      int64_t connections = 0;
      for (const Parameter& p : model) connections += p.nnz();
      for (int64_t step = 1; step <= 15; ++step) {
        SCOPED_TRACE(testing::Message() << "redistribute " << redistribute << ", window " << window << ", step "
                                        << step);
        const bool counts = (step - 1) % 5 >= 5 - window;
        for (size_t i = 0; i < model.size(); ++i) {
          // The gradients of b are larger: it takes connections from a.
          const Tensor gradient =
              i == 0 ? uniform(model[i].shape(), ++key) : mul_scalar(uniform(model[i].shape(), ++key), 3);
          EXPECT_EQ(ParameterAccess::tap(model[i]).armed(), counts);
          set_dense_gradient(model[i], gradient);
          if (counts) momenta[i] = mul_scalar(momenta[i], 0.5) + gradient.to(DType::f64);
        }
        const bool updates = step % 5 == 0;
        const auto expected =
            updates ? specified(model, momenta, 0.75F, 0.4F, redistribute)
                    : std::vector<Positions>{positions_of(*model[0].pattern()), positions_of(*model[1].pattern())};
        algorithm.update();
        for (size_t i = 0; i < model.size(); ++i) {
          ASSERT_EQ(positions_of(*model[i].pattern()), expected[i]) << model[i].name();
          if (updates) momenta[i] = Tensor::zeros(model[i].shape(), DType::f64);
        }
        EXPECT_EQ(model[0].nnz() + model[1].nnz(), connections);
      }
      EXPECT_EQ(model[1].nnz() > num_kept(0.75F, 96), redistribute);
    }
  }
}

TEST(SNFS, ThroughTheGraphTheMomentumIsThatOfTheDenseGradients) {
  const Parameter w = dense_parameter("w", {24, 36}, 100);
  optim::SGD optimizer({w}, {.lr = 0.0});
  SNFS algorithm({.sparsity = 0.8, .drop_fraction = 0.5, .update = {.freq = 4}, .momentum = 0.8, .window = 3});
  algorithm.apply({w});
  optimizer.apply(algorithm);
  Tensor momentum = Tensor::zeros(w.shape(), DType::f64);
  for (uint64_t step = 1; step <= 4; ++step) {
    optimizer.zero_grad();
    EXPECT_EQ(ParameterAccess::tap(w).empty(), step <= 2);  // zero_grad leaves what earlier steps retained
    Tensor gradient = Tensor::zeros(w.shape(), DType::f64);
    for (uint64_t micro = 0; micro < 2; ++micro) {
      const Tensor x = uniform({10, 36}, 200 + 2 * step + micro);
      const Tensor dy = uniform({10, 24}, 300 + 2 * step + micro);
      linear(x, w).backward(dy);
      gradient = gradient + matmul(transpose(dy.to(DType::f64), 0, 1), x.to(DType::f64));
    }
    if (step >= 2) momentum = mul_scalar(momentum, 0.8) + gradient;
    if (step < 4) optimizer.step();
  }
  const auto expected = specified({w}, {momentum}, 0.8F, 0.5F, false);
  optimizer.step();
  EXPECT_EQ(positions_of(*w.pattern()), expected[0]);
  EXPECT_TRUE(ParameterAccess::tap(w).empty());
}

TEST(SNFS, SurvivorsKeepTheirValuesAndGrownConnectionsStartAtZero) {
  const std::vector<Parameter> model{dense_parameter("a", {12, 20}, 400), dense_parameter("b", {8, 12}, 401)};
  optim::SGD optimizer(model, {.lr = 0.1, .momentum = 0.9});
  SNFS algorithm({.sparsity = 0.75, .drop_fraction = 0.4});
  algorithm.apply(model);
  optimizer.apply(algorithm);
  algorithm.set_autoupdate(false);
  for (size_t i = 0; i < 2; ++i) set_dense_gradient(model[i], uniform(model[i].shape(), 402 + i));
  optimizer.step();
  std::vector<Tensor> values;
  std::vector<Tensor> momenta;
  std::vector<Tensor> masks;
  for (const Parameter& p : model) {
    values.push_back(p.dense());
    momenta.push_back(test::densify(p, optimizer.state(p)["momentum_buffer"]));
    masks.push_back(p.mask());
  }
  algorithm.update(&optimizer);
  for (size_t i = 0; i < 2; ++i) {
    const Parameter& p = model[i];
    Tensor survivors = p.mask();
    for (int64_t at = 0; at < p.numel(); ++at) survivors.mutable_data<bool>()[at] &= masks[i].data<bool>()[at];
    expect_equal(p.dense(), select(values[i], survivors));
    expect_equal(test::densify(p, optimizer.state(p)["momentum_buffer"]), select(momenta[i], survivors));
  }
}

TEST(SNFS, AParameterWithANonFiniteGradientKeepsItsPatternAndTheOthersShareTheirOwn) {
  const std::vector<Parameter> model{dense_parameter("a", {12, 20}, 500), dense_parameter("b", {8, 12}, 501)};
  SNFS algorithm({.sparsity = 0.75, .drop_fraction = 0.4});
  algorithm.apply(model);
  const std::string a = mask_string(model[0]);
  const std::string b = mask_string(model[1]);
  Tensor bad = uniform(model[0].shape(), 502);
  bad.mutable_data<float>()[a.find('0')] = std::nanf("");  // at an absent position
  set_dense_gradient(model[0], bad);
  set_dense_gradient(model[1], uniform(model[1].shape(), 503));
  algorithm.update();
  EXPECT_EQ(mask_string(model[0]), a);
  EXPECT_NE(mask_string(model[1]), b);
  EXPECT_EQ(model[1].nnz(), num_kept(0.75F, 96));
}

TEST(SNFS, AnInputWrittenWhileItIsRetainedIsAStateErrorThatChangesNothing) {
  const Parameter w = dense_parameter("w", {4, 6}, 600);
  SNFS algorithm({.sparsity = 0.5, .update = {.freq = 2}});
  algorithm.apply({w});
  const std::string before = mask_string(w);
  Tensor x = uniform({3, 6}, 601);
  linear(x, w).backward(uniform({3, 4}, 602));
  algorithm.update();
  w.zero_grad();
  x.fill(1);  // the next batch in the same memory
  linear(x, w).backward(uniform({3, 4}, 603));
  EXPECT_TRUE(contains(message_of<StateError>([&] { algorithm.update(); }), "own tensor"));
  EXPECT_EQ(mask_string(w), before);
}

TEST(SNFS, ADestroyedAlgorithmRetainsNothing) {
  const Parameter w = dense_parameter("w", {4, 6}, 700);
  {
    SNFS algorithm({.sparsity = 0.5, .update = {.freq = 5}});
    algorithm.apply({w});
    set_dense_gradient(w, uniform(w.shape(), 701));
    algorithm.update();
    EXPECT_FALSE(ParameterAccess::tap(w).empty());
  }
  EXPECT_TRUE(ParameterAccess::tap(w).empty());
  EXPECT_FALSE(ParameterAccess::tap(w).armed());
}

TEST(SNFS, SettingsOutOfRangeAreConfigErrors) {
  EXPECT_THROW(SNFS({.sparsity = 0.5, .window = std::numeric_limits<int64_t>::max()}), ConfigError);
  EXPECT_THROW(SNFS({.sparsity = 1.0}), ConfigError);
  EXPECT_TRUE(contains(message_of<ConfigError>([] { SNFS({.momentum = 1}); }), "below 1"));
  EXPECT_THROW(SNFS({.momentum = -0.1}), ConfigError);
  EXPECT_THROW(SNFS({.momentum = std::nan("")}), ConfigError);
  EXPECT_THROW(SNFS({.window = 0}), ConfigError);
}

}  // namespace
}  // namespace gossamer::sparse::test_snfs
