// The public mask builders and score shapers, against the reference vectors and in what those cannot say.
#include "gossamer/sparse/mask.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "tests/parameter/support.h"
#include "tests/support/golden.h"

namespace gossamer::sparse::test_mask {
namespace {

using golden::expect_equal;
using golden::Json;
using golden::mask_from_string;
using golden::tensor_from_values;
using test::contains;

ScoreShaper shaper_from(const Json& spec) {
  if (spec.is_null()) return ScoreFlattener();
  if (spec[0] == "output") return OutputGroupScoreShaper{spec[1]};
  return InputGroupScoreShaper{spec[1]};
}

Tensor score_of(const Json& in) { return tensor_from_values(in.at("score"), golden::shape_from_json(in.at("shape"))); }
Tensor mask_of(const Json& in) {
  return mask_from_string(in.at("mask").get<std::string>(), golden::shape_from_json(in.at("shape")));
}

// Calls build(in) -> mask for all cases of a kind. An `error` case must throw; with `ties` only the number is compared.
template <class Build>
void compare_with_reference(const std::string& kind, int expected_cases, Build build) {
  int compared = 0;
  const Json file = golden::load("cstorch_sparse.json");
  for (const Json& test_case : file.at("cases")) {
    if (test_case.at("kind") != kind) continue;
    SCOPED_TRACE(test_case.at("id").get<std::string>());
    ++compared;
    const Json& in = test_case.at("in");
    const Json& out = test_case.at("out");
    if (out.contains("error")) {
      EXPECT_THROW(build(in, out), Error);
      continue;
    }
    const Tensor mask = build(in, out);
    const Json flags = test_case.value("flags", Json::array());
    const bool ties = std::ranges::find(flags, "ties") != flags.end();
    const auto bits = mask.span<bool>();
    EXPECT_EQ(std::ranges::count(bits, true), out.at("nnz").get<int64_t>());
    if (!ties) expect_equal(mask, mask_from_string(out.at("mask").get<std::string>(), mask.shape()));
  }
  EXPECT_EQ(compared, expected_cases);
}

TEST(MakeMaskTopkSparsity, IsThatOfTheReference) {
  compare_with_reference("topk", 39, [](const Json& in, const Json&) {
    return make_mask_topk_sparsity(score_of(in), in.at("sparsity").get<float>(), shaper_from(in.at("shaper")));
  });
}

TEST(MakeMaskDropMinimum, IsThatOfTheReference) {
  compare_with_reference("drop_minimum", 15, [](const Json& in, const Json& out) {
    const DroppedMask dropped = make_mask_drop_minimum(score_of(in), mask_of(in), in.at("drop_fraction").get<float>(),
                                                       shaper_from(in.at("shaper")));
    EXPECT_EQ(dropped.kept, out.at("keep_k").get<int64_t>());
    return dropped.mask;
  });
}

TEST(MakeMaskGrowMaximum, IsThatOfTheReference) {
  compare_with_reference("grow_maximum", 18, [](const Json& in, const Json&) {
    std::optional<int64_t> nonzero;
    if (!in.at("mask_nonzero").is_null()) nonzero = in.at("mask_nonzero").get<int64_t>();
    return make_mask_grow_maximum(score_of(in), mask_of(in), in.at("sparsity").get<float>(), nonzero,
                                  shaper_from(in.at("shaper")));
  });
}

TEST(MaskBuilders, GiveTiesToTheLowerPositionAndRankNanAboveEveryNumber) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Tensor score = tensor_from_values(Json{2, 1, "nan", 2, 2, "-inf"}, {6}, dtype);
    expect_equal(make_mask_topk_sparsity(score, 0.5F), mask_from_string("101100", {6}));
    const Tensor mask = mask_from_string("111001", {6});
    expect_equal(make_mask_drop_minimum(score, mask, 0.5F).mask, mask_from_string("101000", {6}));
    expect_equal(make_mask_grow_maximum(score, mask_from_string("010000", {6}), 0.5F), mask_from_string("111000", {6}));
  }
  expect_equal(make_mask_topk_sparsity(Tensor::full({4}, nan), 0.5F), mask_from_string("1100", {4}));
}

TEST(ScoreShapers, BalanceTheGroupsThatTheOriginalDocuments) {
  // The examples of the original's documentation.
  const Tensor rows = Tensor::from<float>({1, 2, 0, -1}, {2, 2});
  expect_equal(make_mask_topk_sparsity(rows, 0.5F), mask_from_string("1100", {2, 2}));
  expect_equal(make_mask_topk_sparsity(rows, 0.5F, OutputGroupScoreShaper{2}), mask_from_string("0110", {2, 2}));
  const Tensor cols = Tensor::from<float>({1, 0, 2, -1}, {2, 2});
  expect_equal(make_mask_topk_sparsity(cols, 0.5F), mask_from_string("1010", {2, 2}));
  expect_equal(make_mask_topk_sparsity(cols, 0.5F, InputGroupScoreShaper{2}), mask_from_string("0110", {2, 2}));
}

TEST(ScoreShapers, AreUndoneByTheirInverse) {
  const Tensor x = test::uniform({4, 6}, 1);
  for (const ScoreShaper& shaper :
       {ScoreShaper(ScoreFlattener()), ScoreShaper(OutputGroupScoreShaper{2}), ScoreShaper(InputGroupScoreShaper{3})}) {
    const ShapedScore shaped = shaper(x);
    expect_equal(shaped.unshape(shaped.tensor), x);
  }
}

TEST(ScoreShapers, CustomOnesDecideWhatCompetes) {
  // Only the first half of the vector against itself, and the second.
  const ScoreShaper halves = [](const Tensor& t) {
    return ShapedScore{t.alias({2, t.numel() / 2}), [shape = t.shape()](const Tensor& s) { return s.alias(shape); }};
  };
  const Tensor score = Tensor::from<float>({8, 7, 6, 5, 1, 2, 3, 4}, {8});
  expect_equal(make_mask_topk_sparsity(score, 0.5F, halves), mask_from_string("11000011", {8}));
}

TEST(MaskBuilders, SayWhatTheyCannotTake) {
  const Tensor score = Tensor::zeros({2, 3});
  const Tensor mask = Tensor::ones({2, 3}, DType::boolean);
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { make_mask_topk_sparsity(score, 1.5F); }), "from 0 to 1"));
  EXPECT_THROW(make_mask_topk_sparsity(score, std::numeric_limits<float>::quiet_NaN()), ConfigError);
  EXPECT_THROW(make_mask_topk_sparsity(Tensor(), 0.5F), ShapeError);
  EXPECT_THROW(make_mask_topk_sparsity(mask, 0.5F), DTypeError);
  EXPECT_THROW(make_mask_drop_minimum(score, Tensor::ones({3, 2}, DType::boolean), 0.5F), ShapeError);
  EXPECT_THROW(make_mask_drop_minimum(score, score, 0.5F), DTypeError);
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { make_mask_drop_minimum(score, mask, 1.5F); }), "drop_fraction"));
  EXPECT_THROW(make_mask_drop_minimum(score, mask, -0.5F), ConfigError);
  EXPECT_THROW(make_mask_grow_maximum(score, Tensor(), 0.5F), ShapeError);
  EXPECT_THROW(make_mask_grow_maximum(score, mask, -0.1F), ConfigError);
  EXPECT_THROW(make_mask_topk_sparsity(score, 0.5F, InputGroupScoreShaper{2}), ConfigError);
  EXPECT_THROW(make_mask_topk_sparsity(score, 0.5F, OutputGroupScoreShaper{0}), ConfigError);
  const ScoreShaper none;
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { make_mask_topk_sparsity(score, 0.5F, none); }), "shaper"));
  const ScoreShaper one_way = [](const Tensor& t) { return ShapedScore{t.alias({6}), {}}; };
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { make_mask_topk_sparsity(score, 0.5F, one_way); }), "unshape"));
  Tensor bytes = mask.clone();
  std::memset(bytes.mutable_data<bool>(), 2, 6);
  EXPECT_TRUE(contains(message_of<FormatError>([&] { make_mask_grow_maximum(score, bytes, 0.5F); }), "must be 0 or 1"));
  const ScoreShaper loses = [](const Tensor& t) { return ShapedScore{t.alias({1}), {}}; };
  EXPECT_TRUE(contains(message_of<ShapeError>([&] { make_mask_topk_sparsity(score, 0.5F, loses); }), "all 6 elements"));
}

}  // namespace
}  // namespace gossamer::sparse::test_mask
