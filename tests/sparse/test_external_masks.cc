// What the tests of jaxpruner and google-research/rigl state about masks, densities and counts.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/dispatch.h"
#include "gossamer/error.h"
#include "gossamer/ops.h"
#include "gossamer/sparse/distribution.h"
#include "gossamer/sparse/prune.h"
#include "gossamer/sparse/rigl.h"
#include "gossamer/sparse/set.h"
#include "gossamer/sparse/structure.h"
#include "parameter/access.h"
#include "tests/sparse/support.h"
#include "tests/support/golden.h"

namespace gossamer::sparse::test_external_masks {
namespace {

using golden::expect_equal;
using golden::Json;
using test::dense_parameter;
using test::LogCapture;
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

// ---- Schedules ----

UpdateSchedule periodic_schedule(const Json& in) {
  return {.freq = in.at("freq").get<int64_t>(),
          .start = in.at("start").get<int64_t>(),
          .stop = in.at("end").get<int64_t>()};
}

// They count a step as taken when it begins, we when it ends.
void polynomial_schedule(const Json& in, const Json& out) {
  ASSERT_EQ(in.at("power"), 3);
  const Schedule cubic =
      Cubic{.init = in.at("initial"), .final = in.at("target"), .start = in.at("start"), .end = in.at("end")};
  EXPECT_EQ(cubic.at({.step = in.at("step").get<int64_t>() + 1}), out.at("sparsity").get<float>());
}

void periodic(const Json& in, const Json& out) {
  EXPECT_EQ(periodic_schedule(in).is_update_step(in.at("step")), out.at("update").get<bool>());
}

void one_shot(const Json& in, const Json& out) {
  const UpdateSchedule schedule{.steps = std::vector<int64_t>{in.at("target_step")}};
  EXPECT_EQ(schedule.is_update_step(in.at("step")), out.at("update").get<bool>());
}

// ---- Updates of SET and RigL ----

void give_gradient(const Parameter& p, uint64_t key) { test::set_dense_gradient(p, test::uniform(p.shape(), key)); }

// They drop by the signed value. Raised above 0, the weights have magnitudes in that order.
void rigl_update(const Json& in, const Json& out) {
  const Tensor param = flat(in.at("param"));
  const auto pattern = CsrPattern::from_mask(golden::mask_from_string(bits(in.at("old_mask")), param.shape()));
  const Parameter p = Parameter::csr(param.shape(), pattern, pattern->gather(add_scalar(param, 10)), "w");
  RigL algorithm({.sparsity = pattern->sparsity(), .drop_fraction = in.at("drop_fraction").get<double>()});
  algorithm.apply(std::vector<Parameter>{p});
  test::set_dense_gradient(p, param);
  algorithm.update();
  EXPECT_EQ(mask_string(p), bits(out.at("mask")));
}

// Where their helper zeroes a state, ours has a connection that is new.
void rigl_new_connection_state(const Json& in, const Json& out) {
  const Tensor values = flat(in.at("values"));
  std::string survivors = bits(in.at("mask_before"));
  for (char& bit : survivors) bit = bit == '1' ? '0' : '1';
  const auto pattern = CsrPattern::from_mask(golden::mask_from_string(survivors, values.shape()));
  const Parameter p = Parameter::csr(values.shape(), pattern, pattern->gather(values), "w");
  const auto state = ParameterAccess::make_slot_array(p);
  state->data.copy_from(pattern->gather(values));
  p.apply({CsrPattern::full(1, values.numel())});
  expect_equal(test::densify(p, state->data).alias(values.shape()), flat(out.at("values")));
  expect_equal(p.dense(), flat(out.at("values")));
}

void nnz_invariant(const Json& in, const Json& out) {
  ASSERT_EQ(in.at("algorithm"), "SET and RigL");
  ASSERT_EQ(out.at("rule"), "nnz(mask) identical before and after an update");
  const auto check = [&](auto algorithm) {
    const LogCapture log;  // some are left without a connection
    const Parameter p = dense_parameter("w", golden::shape_from_json(in.at("shape")), 1);
    algorithm.apply(std::vector<Parameter>{p});
    const int64_t before = p.nnz();
    give_gradient(p, 2);
    algorithm.update();
    EXPECT_EQ(p.nnz(), before);
  };
  const auto sparsity = in.at("sparsity").get<double>();
  check(SET({.sparsity = sparsity}));
  check(RigL({.sparsity = sparsity}));
}

void set_update_steps(const Json& in, const Json& out) {
  ASSERT_EQ(in.at("steps"), "1..5");
  const Parameter p = dense_parameter("w", {10, 10}, 3);
  SET algorithm({.sparsity = 0.5, .update = periodic_schedule(in)});
  const auto pattern = random({.parameter = {"w", p}, .sparsity = 0.5, .key = 4});
  p.apply({pattern});  // not full, though step 0 is no update step
  algorithm.apply(std::vector<Parameter>{p});
  std::vector<int64_t> updates;
  for (int64_t step = 1; step <= 5; ++step) {
    const std::string before = mask_string(p);
    give_gradient(p, 5);
    algorithm.update();
    if (mask_string(p) != before) updates.push_back(step);
    EXPECT_EQ(p.nnz(), pattern->nnz());
  }
  EXPECT_EQ(updates, out.at("updates_at").get<std::vector<int64_t>>());
}

void set_zero_drop(const Json& in, const Json& out) {
  ASSERT_EQ(out.at("mask"), "never changes");
  const Parameter p = dense_parameter("w", {10, 10}, 6);
  p.apply({random({.parameter = {"w", p}, .sparsity = 0.5, .key = 7})});
  SET algorithm(
      {.sparsity = 0.5, .drop_fraction = in.at("drop_fraction").get<double>(), .update = periodic_schedule(in)});
  algorithm.apply(std::vector<Parameter>{p});
  const std::string before = mask_string(p);
  for (int step = 1; step <= 10; ++step) {
    give_gradient(p, 8);
    algorithm.update();
    EXPECT_EQ(mask_string(p), before);
  }
}

void set_grown_weight_zero(const Json& in, const Json&) {
  const Parameter p = dense_parameter("w", {10, 10}, 9);
  SET algorithm({.sparsity = 0.5,
                 .drop_fraction = in.at("drop_fraction").get<double>(),
                 .update = {.freq = in.at("freq").get<int64_t>()}});
  algorithm.apply(std::vector<Parameter>{p});
  const Tensor before = p.mask();
  give_gradient(p, 10);
  algorithm.update();
  int64_t grown = 0;
  for (int64_t i = 0; i < 100; ++i) {
    if (before.data<bool>()[i] || !p.mask().data<bool>()[i]) continue;
    ++grown;
    EXPECT_EQ(p.dense().data<float>()[i], 0);
  }
  EXPECT_GT(grown, 0);
}

const std::map<std::string, std::function<void(const Json& in, const Json& out)>> kComparisons = {
    {"topk_unstructured", topk_unstructured},
    {"mask_nnz", mask_nnz},
    {"magnitude_score", magnitude_score},
    {"saliency_score", saliency_score},
    {"n_by_m", n_by_m},
    {"block_topk", block_topk},
    {"polynomial_schedule", polynomial_schedule},
    {"periodic", periodic},
    {"one_shot", one_shot},
    {"rigl_update", rigl_update},
    {"rigl_new_connection_state", rigl_new_connection_state},
    {"nnz_invariant", nnz_invariant},
    {"set_update_steps", set_update_steps},
    {"set_zero_drop", set_zero_drop},
    {"set_grown_weight_zero", set_grown_weight_zero},
    {"erk", erk},
    {"erk_error", erk_error},
};

TEST(ExternalMasks, EveryCaseIsCompared) {
  const Json golden = golden::load("external_masks.json");
  ASSERT_EQ(golden.at("cases").size(), 54U);
  for (const Json& c : golden.at("cases")) {
    SCOPED_TRACE(c.at("id").get<std::string>());
    kComparisons.at(c.at("kind").get<std::string>())(c.at("in"), c.at("out"));
  }
}

}  // namespace
}  // namespace gossamer::sparse::test_external_masks
