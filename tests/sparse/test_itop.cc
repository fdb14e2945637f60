// In-time over-parameterization: exact for small parameters, estimated in bounded memory for large ones.
#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/sparse/itop.h"
#include "gossamer/sparse/set.h"
#include "tests/sparse/support.h"

namespace gossamer::sparse::test_itop {
namespace {

using test::contains;
using test::dense_parameter;
using test::positions_of;
using test::random_csr;
using test::set_dense_gradient;
using test::uniform;

TEST(Itop, IsTheShareOfAllPositionsEverAlive) {
  const Parameter a = dense_parameter("a", {20, 30}, 1);
  const Parameter b = dense_parameter("b", {7, 9}, 2);
  optim::SGD optimizer({a, b}, {.lr = 0.1});
  SET algorithm({.sparsity = 0.8, .drop_fraction = 0.5});
  algorithm.apply({a, b});
  optimizer.apply(algorithm);
  InTimeOverParameterization itop({a, b});
  optimizer.after_step([&](optim::Optimizer&) { itop.record(); });
  std::set<int64_t> ever_a;
  std::set<int64_t> ever_b;
  for (uint64_t step = 0; step < 12; ++step) {
    for (const int64_t p : positions_of(*a.pattern())) ever_a.insert(p);
    for (const int64_t p : positions_of(*b.pattern())) ever_b.insert(p);
    EXPECT_EQ(itop.num_explored(a), static_cast<double>(ever_a.size()));
    EXPECT_EQ(itop.rate(a), static_cast<double>(ever_a.size()) / 600);
    EXPECT_EQ(itop.rate(b), static_cast<double>(ever_b.size()) / 63);
    EXPECT_EQ(itop.rate(), static_cast<double>(ever_a.size() + ever_b.size()) / 663);
    set_dense_gradient(a, uniform(a.shape(), step));
    set_dense_gradient(b, uniform(b.shape(), step + 100));
    optimizer.step();
  }
  EXPECT_GT(itop.rate(), 0.5);
}

TEST(Itop, OfADenseOrFullStartIsOneForEver) {
  const Parameter dense = dense_parameter("dense", {4, 5}, 3);
  const Parameter full = Parameter::csr({4, 5}, CsrPattern::full(4, 5), uniform({20}, 4), "full");
  InTimeOverParameterization itop({dense, full});
  for (const Parameter& p : {dense, full}) {
    p.apply(TopologyChange::between(*p.topology(), CsrPattern::from_positions(4, 5, std::vector<int64_t>{3})));
  }
  itop.record();
  EXPECT_EQ(itop.rate(dense), 1);
  EXPECT_EQ(itop.rate(full), 1);
}

TEST(Itop, RemembersThroughItsStateWhatWasAliveBefore) {
  const Parameter p = random_csr({7, 10}, 0.3, 1, DType::f32, "p");
  const Parameter full = dense_parameter("full", {4, 5}, 2);
  InTimeOverParameterization before({p, full});
  std::set<int64_t> ever;
  for (const int64_t at : positions_of(*p.pattern())) ever.insert(at);
  p.apply({CsrPattern::from_positions(7, 10, std::vector<int64_t>{0, 33, 69})});
  ever.insert({0, 33, 69});
  full.apply({CsrPattern::from_positions(4, 5, std::vector<int64_t>{3})});
  InTimeOverParameterization after({p, full});
  after.load_state_dict(before.state_dict());
  after.record();
  EXPECT_EQ(after.num_explored(p), static_cast<double>(ever.size()));
  EXPECT_EQ(after.rate(full), 1);
  StateDict dict = after.state_dict();
  dict["explored.p"] = Tensor::from<int64_t>({0, int64_t{1} << 6}, {2});  // position 70 of 70
  EXPECT_TRUE(contains(message_of<FormatError>([&] { after.load_state_dict(dict); }), "'explored.p'"));
  EXPECT_EQ(after.num_explored(p), static_cast<double>(ever.size()));
}

TEST(Itop, EstimatesLargeParametersClosely) {
  // 2^34 positions; patterns of 400,000 at random, of which few meet.
  constexpr int64_t kSize = int64_t{1} << 17;
  constexpr int64_t kNnz = 400'000;
  const auto pattern = [&](uint64_t key) {
    return CsrPattern::from_positions(kSize, kSize, sample_without_replacement(key, kSize * kSize, kNnz));
  };
  const auto first = pattern(1);
  const Parameter p = Parameter::csr({kSize, kSize}, first, Tensor::zeros({kNnz}), "large");
  InTimeOverParameterization itop({p});
  std::set<int64_t> ever;
  for (const int64_t at : positions_of(*first)) ever.insert(at);
  for (uint64_t key = 2; key < 5; ++key) {
    const auto next = pattern(key);
    p.apply(TopologyChange::between(*p.pattern(), next));
    itop.record();
    for (const int64_t at : positions_of(*next)) ever.insert(at);
    // Five standard deviations of linear counting with 2^23 bits at this load are below 0.15 %.
    EXPECT_NEAR(itop.num_explored(p), static_cast<double>(ever.size()), 0.0015 * static_cast<double>(ever.size()));
  }
}

TEST(Itop, RecordingTwiceCountsOnce) {
  const Parameter p = random_csr({6, 7}, 0.4, 5);
  InTimeOverParameterization itop({p});
  const double before = itop.rate(p);
  itop.record();
  p.apply(TopologyChange::between(*p.pattern(), p.pattern()));
  itop.record();
  EXPECT_EQ(itop.rate(p), before);
  EXPECT_EQ(before, static_cast<double>(p.nnz()) / 42);
}

TEST(Itop, MistakesAreConfigErrors) {
  const Parameter p = random_csr({6, 7}, 0.4, 6);
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { InTimeOverParameterization({p, p}); }), "'w' twice"));
  EXPECT_THROW(InTimeOverParameterization({Parameter()}), ConfigError);
  const InTimeOverParameterization itop({p});
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { itop.rate(dense_parameter("x", {2}, 1)); }), "'x' is not"));
  EXPECT_THROW(itop.rate(Parameter()), ConfigError);
  EXPECT_FALSE(itop.tracks(dense_parameter("x", {2}, 1)));
}

}  // namespace
}  // namespace gossamer::sparse::test_itop
