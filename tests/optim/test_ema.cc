// Averages of weights: the rule, the swap, patterns that change, and what is saved.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/optim/ema.h"
#include "gossamer/optim/sgd.h"
#include "tests/optim/support.h"

namespace gossamer::optim::test_ema {
namespace {

using Ema = ExponentialMovingAverage;

std::vector<float> average(const Ema& ema, const Parameter& p) { return elements(ema.average(p)); }

void set(const Parameter& p, const std::vector<float>& canonical) {
  const Tensor x = Tensor::from(canonical, p.values().shape());
  p.values().copy_from(p.is_csr() ? p.pattern()->from_canonical(x) : x);
}

TEST(Ema, BeginsAtTheWeightsAndMovesByItsShare) {
  const Parameter dense = parameter({1, 2}, "d");
  const Parameter csr = csr_parameter(2, 3, {1, 5}, {4, 8}, "c");
  Ema ema({dense, csr}, {.decay = 0.75});
  EXPECT_EQ(average(ema, dense), (std::vector<float>{1, 2}));
  EXPECT_EQ(ema.bytes(), 4 * 4);
  set(dense, {5, 2});
  set(csr, {0, 16});
  ema.update();
  EXPECT_EQ(average(ema, dense), (std::vector<float>{2, 2}));
  EXPECT_EQ(average(ema, csr), (std::vector<float>{0, 3, 0, 0, 0, 10}));
  ema.update();
  EXPECT_EQ(average(ema, dense), (std::vector<float>{2.75, 2}));
  EXPECT_EQ(ema.num_updates(), 2);
  EXPECT_EQ(values(dense), (std::vector<float>{5, 2}));
}

TEST(Ema, WarmsUpFromADecayOfOneTenth) {
  const Parameter p = parameter({0});
  Ema ema({p}, {.decay = 0.25, .warm_up = true});
  double expected = 0;
  set(p, {1});
  for (int t = 0; t < 6; ++t) {
    const double decay = std::min(0.25, (1.0 + t) / (10.0 + t));
    expected = decay * expected + (1 - decay);
    ema.update();
    EXPECT_NEAR(average(ema, p)[0], expected, 1e-6) << t;
  }
}

TEST(Ema, SwapsWeightsAndAveragesThereAndBack) {
  const Parameter dense = parameter({1, 2});
  const Parameter csr = csr_parameter(2, 3, {1, 5}, {4, 8});
  Ema ema({dense, csr}, {.decay = 0.5});
  set(dense, {3, 2});
  set(csr, {0, 16});
  ema.update();
  ema.swap();
  EXPECT_TRUE(ema.swapped());
  EXPECT_EQ(values(dense), (std::vector<float>{2, 2}));
  EXPECT_EQ(values(csr), (std::vector<float>{2, 12}));
  EXPECT_EQ(average(ema, csr), (std::vector<float>{0, 0, 0, 0, 0, 16}));
  EXPECT_THROW(ema.update(), StateError);
  EXPECT_THROW((void)ema.state_dict(), StateError);
  EXPECT_THROW(ema.load_state_dict({}), StateError);
  ema.swap();
  EXPECT_EQ(values(dense), (std::vector<float>{3, 2}));
  EXPECT_EQ(values(csr), (std::vector<float>{0, 16}));
  ema.update();
  EXPECT_EQ(average(ema, csr), (std::vector<float>{0, 1, 0, 0, 0, 14}));
}

TEST(Ema, FollowsThePatternSurvivorsKeepTheirsAndGrownOnesBeginAtTheirWeight) {
  const Parameter p = csr_parameter(3, 4, {0, 5, 6, 11}, {1, 2, 3, 4});
  Ema ema({p}, {.decay = 0.5});
  set(p, {3, 4, 5, 6});
  ema.update();  // 2, 3, 4, 5
  change_pattern(p, {1, 5, 7, 11});
  EXPECT_EQ(values(p), (std::vector<float>{0, 4, 0, 6}));
  EXPECT_EQ(average(ema, p), (std::vector<float>{0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 5}));
  ema.update();
  EXPECT_EQ(average(ema, p), (std::vector<float>{0, 0, 0, 0, 0, 3.5, 0, 0, 0, 0, 0, 5.5}));
  // While they are swapped, too.
  ema.swap();
  change_pattern(p, {5, 8});
  ema.swap();
  EXPECT_EQ(values(p), (std::vector<float>{4, 0}));
  EXPECT_EQ(ema.bytes(), 2 * 4);
  ema.update();
  EXPECT_EQ(average(ema, p), (std::vector<float>{0, 0, 0, 0, 0, 3.75, 0, 0, 0, 0, 0, 0}));
}

TEST(Ema, OfADenseParameterThatTurnsSparseHasItsElements) {
  const Parameter p = parameter({1, 2, 3, 4});
  Ema ema({p});
  change_pattern(p, {1, 3});
  EXPECT_EQ(average(ema, p), (std::vector<float>{0, 2, 0, 4}));
}

TEST(Ema, IsUpdatedByAnOptimizerThatWasTold) {
  const Parameter p = parameter({2});
  SGD optimizer({p}, {.lr = 1});
  Ema ema({p}, {.decay = 0.5});
  optimizer.after_step([&](Optimizer&) { ema.update(); });
  set_grad(p, {2});
  optimizer.step();
  EXPECT_EQ(values(p), std::vector<float>{0});
  EXPECT_EQ(average(ema, p), std::vector<float>{1});
}

TEST(Ema, GoesOnFromWhatItSaved) {
  const auto make = [] { return std::vector{parameter({1, 2}, "d"), csr_parameter(2, 3, {1, 5}, {4, 8}, "c")}; };
  const std::vector<Parameter> first = make();
  Ema ema(first, {.decay = 0.5, .warm_up = true});
  set(first[1], {8, 0});
  ema.update();
  const StateDict dict = ema.state_dict();
  EXPECT_EQ(dict.size(), 4U);
  EXPECT_EQ(dict.at("average.c").shape(), Shape({2}));
  EXPECT_EQ(dict.at("updates").item<int64_t>(), 1);

  const std::vector<Parameter> second = make();
  Ema resumed(second, {.decay = 0.5, .warm_up = true});
  set(second[1], {8, 0});
  resumed.load_state_dict(dict);
  for (Ema* each : {&ema, &resumed}) each->update();
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(average(resumed, second[i]), average(ema, first[i]));
  EXPECT_EQ(resumed.num_updates(), 2);
}

TEST(Ema, RefusesStatesOfAnotherPatternAndChangesNothing) {
  const Parameter p = csr_parameter(2, 3, {1, 5}, {4, 8}, "c");
  const Parameter other = csr_parameter(2, 3, {1, 4}, {1, 1}, "c");
  Ema ema({p});
  EXPECT_NE(message_of<FormatError>([&] { ema.load_state_dict(Ema({other}).state_dict()); }).find("average.c.pattern"),
            std::string::npos);
  StateDict negative = ema.state_dict();
  negative["updates"] = Tensor::from<int64_t>({-1}, {});
  EXPECT_THROW(ema.load_state_dict(negative), FormatError);
  EXPECT_THROW(ema.load_state_dict({}), FormatError);
  EXPECT_EQ(average(ema, p), (std::vector<float>{0, 4, 0, 0, 0, 8}));
}

TEST(Ema, RefusesParametersAndOptionsThatCannotBe) {
  const Parameter p = parameter({1});
  EXPECT_THROW(Ema({}), ConfigError);
  EXPECT_THROW(Ema({p, p}), ConfigError);
  EXPECT_THROW(Ema({Parameter()}), ConfigError);
  for (const double decay : {-0.1, 1.1, std::nan("")}) EXPECT_THROW(Ema({p}, {.decay = decay}), ConfigError) << decay;
  EXPECT_THROW((void)Ema({p}).average(parameter({1})), StateError);
  EXPECT_THROW((void)Ema({p}).state_dict(), StateError);  // no name
}

}  // namespace
}  // namespace gossamer::optim::test_ema
