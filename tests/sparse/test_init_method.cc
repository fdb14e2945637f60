// First patterns: the methods of the reference, in groups, and by name.
#include "gossamer/sparse/init_method.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/random.h"
#include "gossamer/sparse/mask.h"
#include "gossamer/sparse/rigl.h"
#include "gossamer/sparse/static.h"
#include "tests/sparse/support.h"
#include "tests/support/golden.h"

namespace gossamer::sparse::test_init_method {
namespace {

using golden::expect_equal;
using golden::Json;
using golden::mask_from_string;
using golden::tensor_from_values;
using test::contains;
using test::dense_parameter;
using test::mask_string;
using test::positions_of;

template <class F>
int for_each_case(const std::string& kind, F&& f) {
  int cases = 0;
  const Json file = golden::load("cstorch_sparse.json");
  for (const Json& test_case : file.at("cases")) {
    if (test_case.at("kind") != kind) continue;
    SCOPED_TRACE(test_case.at("id").get<std::string>());
    f(test_case);
    ++cases;
  }
  return cases;
}

std::string pattern_string(const Tensor& weight, const InitMethod& method, float sparsity, int64_t in = 1,
                           int64_t out = 1) {
  const SparseParameter p("w", Parameter(weight, "w"));
  p.apply({method({.parameter = p, .sparsity = sparsity, .key = 1, .in_groups = in, .out_groups = out})});
  return mask_string(p.param());
}

TEST(Checkerboard, IsThatOfTheReference) {
  EXPECT_EQ(for_each_case("init_checkerboard",
                          [](const Json& c) {
                            const Tensor weight = Tensor::zeros(golden::shape_from_json(c.at("in").at("shape")));
                            const float sparsity = c.at("in").at("sparsity").get<float>();
                            if (c.at("out").contains("error")) {
                              EXPECT_THROW(pattern_string(weight, checkerboard, sparsity), ConfigError);
                              return;
                            }
                            const std::string expected = c.at("out").at("mask");
                            const std::string actual = pattern_string(weight, checkerboard, sparsity);
                            // For rank 3 the reference returns one row, which its own parameter cannot take; ours has
                            // the whole board, which begins with it.
                            const bool whole = c.at("out").at("mask_shape") == c.at("in").at("shape");
                            EXPECT_EQ(whole ? actual : actual.substr(0, expected.size()), expected);
                          }),
            58);
}

TEST(Checkerboard, TakesTimeInTheConnectionsAndNotInTheMatrix) {
  // 10^12 positions.
  const int64_t n = 1000000;
  const SparseParameter p("w", Parameter::csr({n, n}, CsrPattern::from_positions(n, n, {}), Tensor::empty({0}), "w"));
  const auto pattern = checkerboard({.parameter = p, .sparsity = 1 - 1e-6F, .key = 0});
  // At this size the float32 sums of the reference's rule are rough.
  EXPECT_GT(pattern->nnz(), 500000);
  EXPECT_LT(pattern->nnz(), 2000000);
}

TEST(Topk, IsThatOfTheReferenceInGroupsToo) {
  EXPECT_EQ(for_each_case("init_topk",
                          [](const Json& c) {
                            const Json& in = c.at("in");
                            const Tensor w =
                                tensor_from_values(in.at("weight"), golden::shape_from_json(in.at("shape")));
                            const Json& shaper = in.at("shaper");
                            const bool input = !shaper.is_null() && shaper[0] == "input";
                            const int64_t groups = shaper.is_null() ? 1 : shaper[1].get<int64_t>();
                            EXPECT_EQ(pattern_string(w, topk, in.at("sparsity").get<float>(), input ? groups : 1,
                                                     input ? 1 : groups),
                                      c.at("out").at("mask").get<std::string>());
                          }),
            3);
}

TEST(FromZeros, IsThatOfTheReference) {
  EXPECT_EQ(for_each_case("init_from_zeros",
                          [](const Json& c) {
                            const Json& in = c.at("in");
                            const Tensor w =
                                tensor_from_values(in.at("weight"), golden::shape_from_json(in.at("shape")));
                            // Whatever the sparsity.
                            EXPECT_EQ(pattern_string(w, from_zeros, 0.9F), c.at("out").at("mask").get<std::string>());
                          }),
            1);
}

TEST(Random, ChoosesByScoresAsTheReferenceWhereTheyAreGiven) {
  // Our sampler draws positions instead of scores; the choice by scores is the same rule.
  EXPECT_EQ(for_each_case("init_random_given_score",
                          [](const Json& c) {
                            const Json& in = c.at("in");
                            const Shape shape = golden::shape_from_json(in.at("shape"));
                            const Tensor mask = make_mask_topk_sparsity(tensor_from_values(in.at("score"), shape),
                                                                        in.at("sparsity").get<float>());
                            expect_equal(mask, mask_from_string(c.at("out").at("mask").get<std::string>(), shape));
                          }),
            1);
}

TEST(NumKept, IsDefinedForEverySparsity) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(num_kept(kInfinity, 10), 0);
  EXPECT_EQ(num_kept(-kInfinity, 10), 10);
  EXPECT_EQ(num_kept(1.5F, 10), 0);
  EXPECT_EQ(num_kept(0, std::numeric_limits<int64_t>::max()), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(num_kept(0.5F, 0), 0);
  EXPECT_THROW(num_kept(std::numeric_limits<float>::quiet_NaN(), 10), ConfigError);
  EXPECT_THROW(num_kept(0.5F, -1), ConfigError);
}

TEST(InitMethods, GroupsThatDoNotDivideAreConfigErrors) {
  const SparseParameter p("w", dense_parameter("w", {4, 6}, 1));
  for (const int64_t groups : {int64_t{0}, int64_t{-1}, int64_t{5}, std::numeric_limits<int64_t>::max()}) {
    EXPECT_THROW(random({.parameter = p, .sparsity = 0.5, .key = 1, .in_groups = groups}), ConfigError);
    EXPECT_THROW(topk({.parameter = p, .sparsity = 0.5, .key = 1, .out_groups = groups}), ConfigError);
  }
  EXPECT_THROW(checkerboard({.parameter = p, .sparsity = -0.5, .key = 1}), ConfigError);
}

TEST(Random, KeepsTheCountOfEveryGroup) {
  for (const auto& [in, out] : {std::pair<int64_t, int64_t>{1, 1}, {4, 1}, {1, 3}}) {
    const Tensor w = Tensor::zeros({6, 8});
    const std::string bits = pattern_string(w, random, 0.7F, in, out);
    std::vector<int64_t> counts(static_cast<size_t>(in * out));
    for (int64_t i = 0; i < 48; ++i) {
      const int64_t group = in > 1 ? i % 8 / (8 / in) : i / 8 / (6 / out);
      counts[static_cast<size_t>(group)] += bits[static_cast<size_t>(i)] == '1';
    }
    for (const int64_t count : counts) EXPECT_EQ(count, num_kept(0.7F, 48 / (in * out)));
  }
}

TEST(InitMethods, WorkOnBiasesAndOnTensorsOfAnyRank) {
  for (const Shape& shape : {Shape{12}, Shape{2, 3, 4}, Shape{}}) {
    const Tensor w = test::uniform(shape, 3);
    for (const InitMethod& method : {InitMethod(random), InitMethod(topk)}) {
      const std::string bits = pattern_string(w, method, 0.5F);
      EXPECT_EQ(std::ranges::count(bits, '1'), num_kept(0.5F, shape.numel()));
    }
    EXPECT_EQ(pattern_string(w, from_zeros, 0.5F), std::string(static_cast<size_t>(shape.numel()), '1'));
  }
}

TEST(InitMethods, AreKnownByName) {
  const Tensor w = test::uniform({6, 8}, 4);
  EXPECT_EQ(pattern_string(w, make_init_method("random"), 0.5F), pattern_string(w, random, 0.5F));
  EXPECT_EQ(pattern_string(w, make_init_method("topk"), 0.5F), pattern_string(w, topk, 0.5F));
  EXPECT_EQ(pattern_string(w, make_init_method("from_zeros"), 0.5F), pattern_string(w, from_zeros, 0.5F));
  EXPECT_EQ(pattern_string(w, make_init_method("checkerboard"), 0.5F), pattern_string(w, checkerboard, 0.5F));
  EXPECT_TRUE(
      contains(message_of<ConfigError>([] { make_init_method("nope"); }), "random, topk, from_zeros, checkerboard"));
}

TEST(InitMethods, OfAnAlgorithmMakeItsFirstPatterns) {
  Tensor w = Tensor::empty({6, 8});
  for (int64_t i = 0; i < 48; ++i) w.mutable_data<float>()[i] = static_cast<float>(i);
  const Parameter p(w.clone(), "w");
  Static({.sparsity = 0.75, .init_method = topk}).apply({p});
  EXPECT_EQ(mask_string(p), pattern_string(w, topk, 0.75F));

  const Parameter q(w.clone(), "w");
  RigL balanced({.sparsity = 0.75, .balance_out_groups = 3, .init_method = topk});
  balanced.apply({q});
  EXPECT_EQ(mask_string(q), pattern_string(w, topk, 0.75F, 1, 3));
  EXPECT_NE(mask_string(q), mask_string(p));

  EXPECT_TRUE(contains(message_of<ConfigError>([] { Static({.sparsity = 0.5, .init_method = {}}); }), "init_method"));
}

TEST(Initialize, GivesFirstPatternsToWhatWasMadeDenseSince) {
  const Parameter first = dense_parameter("first", {6, 8}, 6);
  const Parameter second = dense_parameter("second", {6, 8}, 7);
  Static algorithm({.sparsity = 0.75, .init_method = topk});
  EXPECT_THROW(algorithm.initialize(), StateError);
  algorithm.apply({first, second});
  const auto kept = second.pattern();
  const Tensor w = test::uniform({6, 8}, 8);
  first.assign(w, nullptr);
  algorithm.initialize();
  EXPECT_EQ(mask_string(first), pattern_string(w, topk, 0.75F));
  EXPECT_EQ(second.pattern(), kept);
}

}  // namespace
}  // namespace gossamer::sparse::test_init_method
