// RigL's growth by signal to noise: which candidates grow, which steps count, and what is refused. Its dense twin
// stands in test_dense_equivalents.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/functional.h"
#include "gossamer/ops.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/parameter.h"
#include "gossamer/runtime.h"
#include "gossamer/sparse/mask.h"
#include "gossamer/sparse/rigl.h"
#include "parameter/access.h"
#include "tests/sparse/support.h"

namespace gossamer::sparse::test_rigl_candidates {
namespace {

using test::contains;
using test::dense_parameter;
using test::mask_string;
using test::set_dense_gradient;
using test::uniform;

// A row of eight, of which the first two are connections: 0 stays, 1 is dropped.
Parameter row() { return Parameter(Tensor::from<float>({9, 1, 5, 5, 5, 5, 5, 5}, Shape{1, 8}), "w"); }

RigLOptions row_options(int64_t freq) {
  return {.sparsity = 0.75,
          .drop_fraction = 0.5,
          .update = {.freq = freq},
          .candidates = 100,
          .init_method = [](const InitContext&) {
            return CsrPattern::from_positions(1, 8, std::vector<int64_t>{0, 1});
          }};
}

Tensor gradient_of(std::vector<float> at_two_to_seven) {
  at_two_to_seven.insert(at_two_to_seven.begin(), {0, 0});
  return Tensor::from<float>(at_two_to_seven, Shape{1, 8});
}

TEST(RigLCandidates, GrowsWhatKeepsItsSignNotWhatIsLarge) {
  const Parameter p = row();
  RigL algorithm(row_options(3));
  algorithm.apply({p});
  // Large and of changing sign; small and steady; seen once; never seen.
  for (const auto& gradient : {gradient_of({90, 0.1F, 0.3F, 0, 0, 0}), gradient_of({-80, 0.1F, 0, 0, 0, 0}),
                               gradient_of({100, 0.1F, 0, 0, 0, 0})}) {
    EXPECT_EQ(mask_string(p), "11000000");
    set_dense_gradient(p, gradient);
    algorithm.update();
  }
  EXPECT_EQ(mask_string(p), "10010000");
}

TEST(RigLCandidates, CountsTheStepsOfTheWindowAlone) {
  for (const int64_t window : {2, 3}) {
    const Parameter p = row();
    RigLOptions options = row_options(3);
    options.window = window;
    RigL algorithm(options);
    algorithm.apply({p});
    for (const auto& gradient :
         {gradient_of({1, -4, 0, 0, 0, 0}), gradient_of({1, 1, 0, 0, 0, 0}), gradient_of({0.9F, 1, 0, 0, 0, 0})}) {
      set_dense_gradient(p, gradient);
      algorithm.update();
    }
    EXPECT_EQ(mask_string(p), window == 2 ? "10010000" : "10100000");
  }
}

TEST(RigLCandidates, AStepWhoseGradientIsNotFiniteDoesNotCount) {
  for (const int bad_step : {1, 2}) {
    const Parameter p = row();
    RigL algorithm(row_options(2));
    algorithm.apply({p});
    for (int step = 1; step <= 2; ++step) {
      Tensor gradient = gradient_of({0, 0, 0, 3, 0, 0});
      if (step == bad_step) gradient.mutable_data<float>()[7] = std::numeric_limits<float>::infinity();
      set_dense_gradient(p, gradient);
      algorithm.update();
    }
    EXPECT_EQ(mask_string(p), bad_step == 1 ? "10000100" : "11000000");
  }
}

TEST(RigLCandidates, FewCandidatesAreJoinedByOthersAtRandom) {
  std::vector<std::string> masks;
  for (const uint64_t seed : {1, 2}) {
    const Parameter p = dense_parameter("w", {20, 30}, 3);
    RigL algorithm({.sparsity = 0.8, .drop_fraction = 0.5, .candidates = 0.01, .seed = seed});
    algorithm.apply({p});
    set_dense_gradient(p, uniform(p.shape(), 4));
    algorithm.update();
    EXPECT_EQ(p.nnz(), num_kept(0.8F, 600));
    masks.push_back(mask_string(p));
  }
  EXPECT_NE(masks[0], masks[1]);
}

// ---- Through the graph ----

struct TrainingOptions {
  int64_t parts = 1;  // backward passes of a step
  bool general_way = false;
  bool zero_grad = true;
  double candidates = 1.5;
  DType dtype = DType::f32;
};

// The pattern after ten steps.
std::string trained(const TrainingOptions& o) {
  const Parameter weight(uniform({24, 36}, 30).to(o.dtype), "fc.weight");
  optim::SGD optimizer({weight}, {.lr = 0});
  RigL algorithm({.sparsity = 0.8, .drop_fraction = 0.5, .update = {.freq = 5}, .candidates = o.candidates});
  algorithm.apply({weight});
  optimizer.apply(algorithm);
  for (uint64_t step = 1; step <= 10; ++step) {
    const Tensor x = uniform({48, 36}, 40 + step).to(o.dtype);
    const Tensor dy = uniform({48, 24}, 80 + step).to(o.dtype);
    if (o.zero_grad) optimizer.zero_grad();
    for (int64_t part = 0; part < o.parts; ++part) {
      const int64_t begin = part * 48 / o.parts;
      const int64_t end = (part + 1) * 48 / o.parts;
      const Tensor y = o.general_way && part % 2 == 0 ? linear(slice(x, begin, end), weight.tensor())
                                                      : linear(slice(x, begin, end), weight);
      y.backward(slice(dy, begin, end));
    }
    optimizer.step();
    EXPECT_TRUE(ParameterAccess::tap(weight).empty());
    EXPECT_EQ(ParameterAccess::tap(weight).sums() != nullptr, step % 5 != 0);
  }
  return mask_string(weight);
}

TEST(RigLCandidates, MicroBatchesAndTheGeneralWayCountAsOneStep) {
  const std::string expected = trained({});
  EXPECT_EQ(trained({.parts = 3}), expected);
  EXPECT_EQ(trained({.parts = 3, .general_way = true}), expected);
}

TEST(RigLCandidates, EachBackwardCountsOnceWhereGradientsAddUpOverSteps) {
  EXPECT_EQ(trained({.parts = 2, .zero_grad = false}), trained({.parts = 2}));
}

TEST(RigLCandidates, GrowInDoubleWhatTheyGrowInFloat) { EXPECT_EQ(trained({.dtype = DType::f64}), trained({})); }

TEST(RigLCandidates, AllTheAbsentMayBeCandidatesAndNone) {
  const std::string all = trained({.candidates = 5});
  EXPECT_EQ(trained({.candidates = 1e9}), all);
  const std::string none = trained({.candidates = 1e-9});
  EXPECT_NE(none, all);
  EXPECT_EQ(std::ranges::count(none, '1'), num_kept(0.8F, 24 * 36));
}

TEST(RigLCandidates, TheSamePatternGrowsOnAnyNumberOfThreads) {
  const std::string expected = trained({});
  for (const int threads : {1, 2, 3, 8}) {
    with_threads(threads, [&] { EXPECT_EQ(trained({}), expected); });
  }
}

// ---- What is refused ----

TEST(RigLCandidates, OptionsOutOfRangeAreConfigErrors) {
  const auto message = [](const RigLOptions& options) {
    return message_of<ConfigError>([&] { RigL algorithm(options); });
  };
  EXPECT_TRUE(contains(message({.sparsity = 0.5, .candidates = -1}), "candidates must be at least 0"));
  EXPECT_TRUE(contains(message({.sparsity = 0.5, .candidates = std::numeric_limits<double>::infinity()}), "finite"));
  EXPECT_TRUE(contains(message({.sparsity = 0.5, .candidates = 1, .window = 0}), "window must be from 1"));
  EXPECT_TRUE(contains(message({.sparsity = 0.5, .balance_in_groups = 2, .candidates = 1}), "without groups"));
}

TEST(RigLCandidates, AnUpdateWithoutABackwardIsAStateErrorThatChangesNothing) {
  const Parameter p = row();
  RigL algorithm(row_options(1));
  algorithm.apply({p});
  p.values().set_grad(Tensor::ones({p.nnz()}));
  EXPECT_TRUE(contains(message_of<StateError>([&] { algorithm.update(); }), "growth of 'w': backward must have run"));
  EXPECT_EQ(mask_string(p), "11000000");
}

}  // namespace
}  // namespace gossamer::sparse::test_rigl_candidates
