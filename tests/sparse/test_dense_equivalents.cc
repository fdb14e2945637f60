// Each built-in algorithm works on CSR. Here it meets its dense twin: the same rule written with update_mask and the
// public mask builders, drawing from the same keyed sampler. Both are equal bit for bit, over random shapes,
// sparsities, groups and steps.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/ops.h"
#include "gossamer/optim/adam.h"
#include "gossamer/random.h"
#include "gossamer/sparse/gmp.h"
#include "gossamer/sparse/mask.h"
#include "gossamer/sparse/rigl.h"
#include "gossamer/sparse/set.h"
#include "tests/sparse/support.h"
#include "tests/support/golden.h"

namespace gossamer::sparse::test_dense_equivalents {
namespace {

using golden::expect_equal;
using test::dense_parameter;
using test::densify;
using test::mask_string;
using test::set_dense_gradient;
using test::uniform;

// Magnitudes, with absent connections below all live ones.
Tensor magnitudes(const SparseParameter& p, const Tensor& mask) {
  Tensor score = p.data();
  float* const s = score.mutable_data<float>();
  for (int64_t i = 0; i < score.numel(); ++i) s[i] = mask.data<bool>()[i] ? std::abs(s[i]) : -1;
  return score;
}

class DenseGMP final : public DynamicSparsityAlgorithm {
 public:
  explicit DenseGMP(GMPOptions o)
      : DynamicSparsityAlgorithm("DenseGMP", {o.sparsity, o.init_method, o.seed}, o.update) {}

 protected:
  Tensor update_mask(const SparseParameter& p, const Tensor& mask, const PlanContext& context) override {
    return make_mask_topk_sparsity(magnitudes(p, mask), context.sparsity);
  }
};

class DenseSET final : public DynamicSparsityAlgorithm {
 public:
  explicit DenseSET(SETOptions o)
      : DynamicSparsityAlgorithm("DenseSET", {o.sparsity, o.init_method, o.seed}, o.update), drop_(o.drop_fraction) {}

 protected:
  Tensor update_mask(const SparseParameter& p, const Tensor& mask, const PlanContext& context) override {
    auto [kept_mask, kept] = make_mask_drop_minimum(magnitudes(p, mask), mask, drop_.at(context.time));
    const int64_t n = mask.numel();
    std::vector<int64_t> absent;
    for (int64_t i = 0; i < n; ++i) {
      if (!kept_mask.data<bool>()[i]) absent.push_back(i);
    }
    const int64_t grow = std::max<int64_t>(num_kept(context.sparsity, n) - kept, 0);
    for (const int64_t i : sample_without_replacement(context.key, n - kept, grow)) {
      kept_mask.mutable_data<bool>()[absent[static_cast<size_t>(i)]] = true;
    }
    return kept_mask;
  }

 private:
  Schedule drop_;
};

class DenseRigL final : public DynamicSparsityAlgorithm {
 public:
  DenseRigL(RigLOptions o, InitMethod init)
      : DynamicSparsityAlgorithm("DenseRigL", {o.sparsity, std::move(init), o.seed}, o.update), options_(std::move(o)) {
    if (options_.balance_in_groups > 0) shaper_ = InputGroupScoreShaper{options_.balance_in_groups};
    if (options_.balance_out_groups > 0) shaper_ = OutputGroupScoreShaper{options_.balance_out_groups};
  }

 protected:
  bool wants_dense_gradient() const override { return true; }
  Tensor update_mask(const SparseParameter& p, const Tensor& mask, const PlanContext& context) override {
    const auto [kept_mask, kept] =
        make_mask_drop_minimum(magnitudes(p, mask), mask, options_.drop_fraction.at(context.time), shaper_);
    Tensor score = dense_gradient(p);
    float* const s = score.mutable_data<float>();
    for (int64_t i = 0; i < score.numel(); ++i) s[i] = std::abs(s[i]);
    return make_mask_grow_maximum(score, kept_mask, context.sparsity, kept, shaper_);
  }

 private:
  RigLOptions options_;
  ScoreShaper shaper_ = ScoreFlattener();
};

// Growth by signal to noise from whole gradients: it is asked at every step, and updates on those of the schedule.
class DenseCandidates final : public DynamicSparsityAlgorithm {
 public:
  explicit DenseCandidates(RigLOptions o)
      : DynamicSparsityAlgorithm("DenseCandidates", {o.sparsity, o.init_method, o.seed}, {}), o_(std::move(o)) {}

 protected:
  bool starts_dense() const override { return !o_.update.is_update_step(0); }
  bool wants_dense_gradient() const override { return true; }
  Tensor update_mask(const SparseParameter& p, const Tensor& mask, const PlanContext& context) override {
    const int64_t step = context.time.step;
    const auto n = static_cast<size_t>(mask.numel());
    bool counts = false;
    for (int64_t s = step; s < step + o_.window; ++s) counts = counts || o_.update.is_update_step(s);
    if (!counts) return mask;
    const bool* const alive = mask.data<bool>();
    if (!sum_.defined()) {
      std::vector<int64_t> absent;
      for (size_t i = 0; i < n; ++i) {
        if (!alive[i]) absent.push_back(static_cast<int64_t>(i));
      }
      const auto all = static_cast<int64_t>(absent.size());
      const auto nnz = static_cast<double>(static_cast<int64_t>(n) - all);
      candidate_.assign(n, false);
      const uint64_t key = derive_key(o_.seed, p.name() + ".candidates", step);
      for (const int64_t i :
           sample_without_replacement(key, all, std::min(all, static_cast<int64_t>(o_.candidates * nnz)))) {
        candidate_[static_cast<size_t>(absent[static_cast<size_t>(i)])] = true;
      }
      sum_ = Tensor::zeros(mask.shape());
      squares_ = Tensor::zeros(mask.shape());
    }
    const Tensor gradient = dense_gradient(p);
    sum_ = sum_ + gradient;
    squares_ = squares_ + gradient * gradient;
    if (!o_.update.is_update_step(step)) return mask;

    auto [kept_mask, kept] = make_mask_drop_minimum(magnitudes(p, mask), mask, o_.drop_fraction.at(context.time));
    std::vector<std::pair<double, int64_t>> ranked;
    for (size_t i = 0; i < n; ++i) {
      if (!candidate_[i]) continue;
      const double signal = sum_.data<float>()[i];
      const double noise = squares_.data<float>()[i];
      ranked.emplace_back(noise > 0 ? -signal * signal / noise : 0.0, static_cast<int64_t>(i));
    }
    std::ranges::sort(ranked);
    const auto grow = static_cast<size_t>(std::max<int64_t>(num_kept(context.sparsity, mask.numel()) - kept, 0));
    bool* const m = kept_mask.mutable_data<bool>();
    for (size_t i = 0; i < std::min(grow, ranked.size()); ++i) m[ranked[i].second] = true;
    if (grow > ranked.size()) {
      std::vector<int64_t> absent;
      for (size_t i = 0; i < n; ++i) {
        if (!m[i]) absent.push_back(static_cast<int64_t>(i));
      }
      const auto more = static_cast<int64_t>(grow - ranked.size());
      for (const int64_t i : sample_without_replacement(context.key, static_cast<int64_t>(absent.size()), more)) {
        m[absent[static_cast<size_t>(i)]] = true;
      }
    }
    sum_ = {};
    return kept_mask;
  }

 private:
  RigLOptions o_;
  Tensor sum_;
  Tensor squares_;
  std::vector<bool> candidate_;
};

// Trains one parameter with each of the two and compares masks, values and optimizer states at every step.
void expect_same_runs(const Shape& shape, std::unique_ptr<SparsityAlgorithm> native,
                      std::unique_ptr<SparsityAlgorithm> dense, uint64_t key) {
  struct Side {
    std::unique_ptr<SparsityAlgorithm> algorithm;
    Parameter p;
    optim::Adam optimizer;
    Side(std::unique_ptr<SparsityAlgorithm> a, const Shape& shape_, uint64_t key_)
        : algorithm(std::move(a)), p(dense_parameter("w", shape_, key_)), optimizer({p}, {.lr = 0.1}) {
      algorithm->apply(std::vector<Parameter>{p});
      algorithm->apply(optimizer);
    }
    Tensor state(const char* name) const { return densify(p, optimizer.state(p)[name].tensor()); }
  };
  Side a(std::move(native), shape, key);
  Side b(std::move(dense), shape, key);
  ASSERT_EQ(mask_string(a.p), mask_string(b.p));
  for (uint64_t step = 1; step <= 8; ++step) {
    // Few values: most of the gradients are tied.
    Tensor gradient = uniform(shape, random_bits(key, step));
    if (key % 2 == 0) {
      float* const g = gradient.mutable_data<float>();
      for (int64_t i = 0; i < gradient.numel(); ++i) g[i] = std::round(3 * g[i]);
    }
    for (Side* side : {&a, &b}) {
      set_dense_gradient(side->p, gradient);
      side->optimizer.step();
    }
    ASSERT_EQ(mask_string(a.p), mask_string(b.p)) << "step " << step;
    expect_equal(a.p.dense(), b.p.dense());
    expect_equal(a.state("exp_avg"), b.state("exp_avg"));
    expect_equal(a.state("exp_avg_sq"), b.state("exp_avg_sq"));
  }
}

// A number below n, a function of (key, what).
int64_t pick(uint64_t key, uint64_t what, int64_t n) {
  return static_cast<int64_t>(random_bits(key, 1000 + what) % static_cast<uint64_t>(n));
}
double unit(uint64_t key, uint64_t what) { return random_double(key, 2000 + what); }

Shape random_shape(uint64_t key) {
  const int64_t rows = 1 + pick(key, 0, 30);
  const int64_t cols = 1 + pick(key, 1, 40);
  switch (pick(key, 2, 4)) {
    case 0:
      return {rows * cols};
    case 1:
      return {rows, 1 + pick(key, 3, 4), 1 + pick(key, 4, 6)};
    default:
      return {rows, cols};
  }
}

UpdateSchedule random_update(uint64_t key) {
  return {.freq = 1 + pick(key, 5, 3), .start = pick(key, 6, 4) == 0 ? 2 : 0, .stop = 7};
}

Sparsity random_sparsity(uint64_t key) {
  if (pick(key, 7, 3) == 0) return {unit(key, 8), unit(key, 9), 1.0};
  return Linear{.init = unit(key, 8), .slope = 0.2 * unit(key, 9) - 0.1};
}

class DenseEquivalents : public testing::TestWithParam<uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Random, DenseEquivalents, testing::Range(uint64_t{0}, uint64_t{40}));

TEST_P(DenseEquivalents, GMPEqualsItsTwin) {
  const uint64_t key = GetParam();
  const GMPOptions options{.sparsity = random_sparsity(key), .update = random_update(key), .seed = key};
  expect_same_runs(random_shape(key), std::make_unique<GMP>(options), std::make_unique<DenseGMP>(options), key);
}

TEST_P(DenseEquivalents, SETEqualsItsTwin) {
  const uint64_t key = GetParam();
  const SETOptions options{
      .sparsity = random_sparsity(key), .drop_fraction = unit(key, 10), .update = random_update(key), .seed = key};
  expect_same_runs(random_shape(key), std::make_unique<SET>(options), std::make_unique<DenseSET>(options), key);
}

TEST_P(DenseEquivalents, RigLEqualsItsTwin) {
  const uint64_t key = GetParam();
  const RigLOptions options{
      .sparsity = random_sparsity(key), .drop_fraction = unit(key, 10), .update = random_update(key), .seed = key};
  expect_same_runs(random_shape(key), std::make_unique<RigL>(options), std::make_unique<DenseRigL>(options, random),
                   key);
}

TEST_P(DenseEquivalents, GrowthBySignalToNoiseEqualsItsTwin) {
  const uint64_t key = GetParam();
  // The twin counts each of its steps as an update, which a cycling sparsity would show.
  const RigLOptions options{.sparsity = Linear{.init = unit(key, 8), .slope = 0.2 * unit(key, 9) - 0.1},
                            .drop_fraction = unit(key, 10),
                            .update = random_update(key),
                            .candidates = 3 * unit(key, 13),
                            .window = 1 + pick(key, 14, 5),
                            .seed = key};
  expect_same_runs(random_shape(key), std::make_unique<RigL>(options), std::make_unique<DenseCandidates>(options), key);
}

TEST_P(DenseEquivalents, RigLInGroupsEqualsItsTwin) {
  const uint64_t key = GetParam();
  const int64_t groups = 1 + pick(key, 11, 4);
  const bool in = pick(key, 12, 2) == 0;
  const Shape shape{(in ? 1 : groups) * (1 + pick(key, 0, 8)), (in ? groups : 1) * (1 + pick(key, 1, 12))};
  // A constant sparsity and a fraction that drops something: each group keeps as many as the others.
  const RigLOptions options{.sparsity = 0.2 + 0.6 * unit(key, 8),
                            .drop_fraction = 0.1 + 0.9 * unit(key, 10),
                            .update = {.freq = 1 + pick(key, 5, 3)},
                            .balance_in_groups = in ? groups : 0,
                            .balance_out_groups = in ? 0 : groups,
                            .seed = key};
  const InitMethod init = [=](InitContext context) {
    (in ? context.in_groups : context.out_groups) = groups;
    return random(context);
  };
  expect_same_runs(shape, std::make_unique<RigL>(options), std::make_unique<DenseRigL>(options, init), key);
}

}  // namespace
}  // namespace gossamer::sparse::test_dense_equivalents
