// The algorithms beyond the original, from a configuration.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/sparse/configure.h"
#include "gossamer/sparse/global_pruning.h"
#include "gossamer/sparse/granet.h"
#include "gossamer/sparse/rigl.h"
#include "gossamer/sparse/snfs.h"
#include "gossamer/sparse/topkast.h"
#include "tests/sparse/support.h"

namespace gossamer::sparse::test_configure_algorithms {
namespace {

using test::contains;
using test::dense_parameter;
using test::mask_string;
using test::set_dense_gradient;
using test::uniform;

// The patterns of two layers after five steps, as a configured and as a constructed algorithm make them.
template <class Algorithm>
std::string patterns_of(Algorithm algorithm) {
  const std::vector<Parameter> model{dense_parameter("a", {12, 20}, 1), dense_parameter("b", {8, 12}, 2)};
  algorithm.apply(model);
  std::string patterns;
  for (uint64_t step = 0; step < 5; ++step) {
    for (const Parameter& p : model) set_dense_gradient(p, uniform(p.shape(), 10 + step));
    algorithm.update();
    for (const Parameter& p : model) patterns += mask_string(p) + " ";
  }
  return patterns;
}

const Config kUpdate = ConfigMap{{"freq", 2}};
const Config kRising = ConfigMap{{"type", "linear"}, {"init", 0.5}, {"slope", 0.05}};

TEST(ConfigureAlgorithms, MakesWhatTheOptionsMake) {
  EXPECT_EQ(patterns_of(configure(ConfigMap{
                {"algorithm", "granet"}, {"sparsity", kRising}, {"update", kUpdate}, {"drop_fraction", 0.2}})),
            patterns_of(
                GraNet({.sparsity = Linear{.init = 0.5, .slope = 0.05}, .drop_fraction = 0.2, .update = {.freq = 2}})));
  EXPECT_EQ(
      patterns_of(configure(ConfigMap{{"algorithm", "SNFS"},
                                      {"sparsity", 0.8},
                                      {"update", kUpdate},
                                      {"momentum", 0.5},
                                      {"window", 1},
                                      {"redistribute", false},
                                      {"seed", 3}})),
      patterns_of(SNFS(
          {.sparsity = 0.8, .update = {.freq = 2}, .momentum = 0.5, .window = 1, .redistribute = false, .seed = 3})));
  EXPECT_EQ(patterns_of(configure(ConfigMap{
                {"algorithm", "rigl"}, {"sparsity", 0.8}, {"update", kUpdate}, {"candidates", 1.5}, {"window", 2}})),
            patterns_of(RigL({.sparsity = 0.8, .update = {.freq = 2}, .candidates = 1.5, .window = 2})));
  EXPECT_EQ(patterns_of(configure(ConfigMap{
                {"algorithm", "global_pruning"}, {"sparsity", kRising}, {"update", kUpdate}, {"scores", "saliency"}})),
            patterns_of(GlobalPruning(
                {.sparsity = Linear{.init = 0.5, .slope = 0.05}, .update = {.freq = 2}, .scores = saliency_scores})));
  EXPECT_EQ(
      patterns_of(configure(ConfigMap{{"algorithm", "topkast"},
                                      {"sparsity", 0.5},
                                      {"forward_sparsity", 0.9},
                                      {"drop_fraction", 0.6},
                                      {"update", kUpdate}})),
      patterns_of(TopKAST({.sparsity = 0.5, .forward_sparsity = 0.9, .drop_fraction = 0.6, .update = {.freq = 2}})));
}

TEST(ConfigureAlgorithms, MistakesNameTheKey) {
  const auto message = [](const ConfigMap& map) { return message_of<ConfigError>([&] { configure(map); }); };
  EXPECT_TRUE(contains(message({{"algorithm", "global_pruning"}, {"sparsity", 0.5}, {"scores", "size"}}), "scores"));
  EXPECT_TRUE(contains(message({{"algorithm", "snfs"}, {"sparsity", 0.5}, {"redistribute", 1}}), "redistribute"));
  EXPECT_TRUE(contains(message({{"algorithm", "topkast"}, {"sparsity", 0.5}}), "forward_sparsity"));
  EXPECT_TRUE(contains(message({{"algorithm", "granett"}, {"sparsity", 0.5}}), "granet"));
  EXPECT_TRUE(contains(message({{"algorithm", "granet"}, {"sparsity", 0.5}, {"windw", 1}}), "windw"));
}

}  // namespace
}  // namespace gossamer::sparse::test_configure_algorithms
