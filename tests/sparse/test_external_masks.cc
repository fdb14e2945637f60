// What the tests of jaxpruner and google-research/rigl state about masks, densities and counts.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/sparse/distribution.h"
#include "gossamer/sparse/prune.h"
#include "gossamer/sparse/structure.h"
#include "tensor/dispatch.h"
#include "tests/sparse/support.h"
#include "tests/support/golden.h"

namespace gossamer::sparse {
namespace {

using golden::expect_equal;
using golden::Json;
using test::dense_parameter;
using test::mask_string;

// ---- Distributions ----

void erk(const Json& in, const Json& out) {
  std::vector<Parameter> parameters;
  for (const auto& [name, dims] : in.at("shapes").items()) {
    // Their last two dimensions are in and out, ours are out and in, and come first.
    const auto theirs = dims.get<std::vector<int64_t>>();
    const std::vector<int64_t> ours(theirs.rbegin(), theirs.rend());
    parameters.push_back(dense_parameter(name, Shape(ours), 1));
  }
  const auto sparsity =
      distribute(parameters, {.kind = in.at("include_kernel").get<bool>() ? Distribution::ERK : Distribution::ER,
                              .sparsity = in.at("sparsity").get<double>(),
                              .power_scale = in.at("power").get<double>()});
  for (const auto& [name, expected] : out.at("sparsity").items()) {
    EXPECT_NEAR(sparsity.at(name), expected.get<double>(), out.at("tolerance").get<double>()) << name;
  }
}

void erk_error(const Json& in, const Json& out) {
  ASSERT_TRUE(out.at("error").get<bool>());
  if (in.at("case") == "sparsity -1") {
    EXPECT_THROW(distribute({dense_parameter("a", {2, 4}, 1)}, {.sparsity = -1}), ConfigError);
  } else {
    ASSERT_EQ(in.at("case"), "empty shape dictionary");
    EXPECT_THROW(distribute({}, {.sparsity = 0.5}), ConfigError);
  }
}

// ---- Structures ----

// A tensor with its elements in reverse order.
Tensor reversed(const Tensor& x) {
  Tensor result = x.clone();
  dispatch_all(x.dtype(),
               [&]<class T>() { std::reverse_copy(x.data<T>(), x.data<T>() + x.numel(), result.mutable_data<T>()); });
  return result;
}

// Their ties go to the higher index: reversed, the lower one.
void n_by_m(const Json& in, const Json& out) {
  const Shape shape = golden::shape_from_json(in.at("shape"));
  const Tensor score = golden::tensor_from_values(in.at("score"), shape);
  const Tensor mask = make_mask_n_of_m(reversed(score), {.n = in.at("n"), .m = in.at("m"), .axis = in.at("axis")});
  expect_equal(reversed(mask), golden::mask_from_string(out.at("mask").get<std::string>(), shape));
}

// A sparsity with which we, who truncate, keep as many of n as they do, who round.
double sparsity_keeping_their_count(double sparsity, int64_t n) {
  const double kept = static_cast<double>(n) - std::round(sparsity * static_cast<double>(n));
  return 1 - (kept + 0.5) / static_cast<double>(n);
}

void block_topk(const Json& in, const Json& out) {
  const Shape shape = golden::shape_from_json(in.at("shape"));
  const auto block = in.at("block").get<std::vector<int64_t>>();
  const int64_t blocks = ((shape[0] + block[0] - 1) / block[0]) * ((shape[1] + block[1] - 1) / block[1]);
  const Tensor mask = make_mask_block_topk_sparsity(
      golden::tensor_from_values(in.at("score"), shape),
      sparsity_keeping_their_count(in.at("sparsity").get<double>(), blocks),
      {.rows = block[0], .cols = block[1], .pool = in.at("pool") == "avg" ? BlockPool::Average : BlockPool::Max});
  expect_equal(mask, golden::mask_from_string(out.at("mask").get<std::string>(), shape));
}

// ---- Scores and counts ----

std::string bits(const Json& mask) { return mask.get<std::string>(); }

// A tensor of scores pruned by magnitude: they keep a rounded number, we truncate.
void topk_unstructured(const Json& in, const Json& out) {
  const Shape shape = golden::shape_from_json(in.at("shape"));
  const Parameter p(golden::tensor_from_values(in.at("score"), shape), "w");
  prune({p}, magnitude_scores, {.sparsity = sparsity_keeping_their_count(in.at("sparsity"), shape.numel())});
  EXPECT_EQ(p.nnz(), out.at("nnz").get<int64_t>());
  EXPECT_EQ(mask_string(p), bits(out.at("mask")));
}

// Counts that truncating and rounding share up to the float32 of the sparsity, whose 1 - s may fall short of a whole.
void mask_nnz(const Json& in, const Json& out) {
  const Shape shape = golden::shape_from_json(in.at("shape"));
  const auto sparsity = in.at("sparsity").get<double>();
  const auto ours = num_kept(static_cast<float>(sparsity), shape.numel());
  const auto theirs = out.at("nnz").get<int64_t>();
  EXPECT_LE(std::abs(ours - theirs), 1);
  EXPECT_EQ(num_kept(static_cast<float>(sparsity_keeping_their_count(sparsity, shape.numel())), shape.numel()), theirs);
}

Tensor flat(const Json& values) { return golden::tensor_from_values(values, {static_cast<int64_t>(values.size())}); }

void magnitude_score(const Json& in, const Json& out) {
  expect_equal(magnitude_scores(Parameter(flat(in.at("w")), "w")), flat(out.at("score")));
}

void saliency_score(const Json& in, const Json& out) {
  const Parameter p(flat(in.at("w")), "w");
  p.values().set_grad(flat(in.at("g")));
  golden::expect_close(saliency_scores(p), flat(out.at("score")));
}

const std::map<std::string, std::function<void(const Json& in, const Json& out)>> kComparisons = {
    {"topk_unstructured", topk_unstructured},
    {"mask_nnz", mask_nnz},
    {"magnitude_score", magnitude_score},
    {"saliency_score", saliency_score},
    {"n_by_m", n_by_m},
    {"block_topk", block_topk},
    {"erk", erk},
    {"erk_error", erk_error},
};

TEST(ExternalMasks, EveryCaseIsCompared) {
  const Json golden = golden::load("external_masks.json");
  for (const Json& c : golden.at("cases")) {
    SCOPED_TRACE(c.at("id").get<std::string>());
    const auto compare = kComparisons.find(c.at("kind").get<std::string>());
    if (compare == kComparisons.end()) continue;
    compare->second(c.at("in"), c.at("out"));
  }
}

}  // namespace
}  // namespace gossamer::sparse
