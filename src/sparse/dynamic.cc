// Algorithms with patterns of their own: the first pattern, and updates on the steps of a schedule.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>
#include <vector>

#include "gossamer/random.h"
#include "gossamer/sparse/algorithm.h"
#include "ops/gradient_tap.h"
#include "runtime/check.h"
#include "runtime/log.h"
#include "tensor/arith.h"
#include "tensor/csr_stream.h"

namespace gossamer::sparse {

namespace {

void warn_if_empty(const SparseParameter& parameter, const CsrPattern& pattern, float sparsity) {
  if (pattern.nnz() > 0 || parameter.param().numel() == 0) return;
  rt::log(LogLevel::Warning, fmt::format("sparsity {} leaves '{}' without a connection", sparsity, parameter.name()));
}

// The sparsity in [0, 1]. A cycling one moves on at update steps, and making the
// first pattern was one of them unless training starts dense.
float sparsity_at(const Schedule& schedule, ScheduleTime time, bool starts_dense) {
  if (time.step > 0 && !starts_dense) ++time.updates;
  const float sparsity = schedule.at(time);
  if (std::isnan(sparsity)) {
    fail<ConfigError>("sparsity", "a schedule must give a number", fmt::format("NaN at step {}", time.step));
  }
  return std::clamp(sparsity, 0.0F, 1.0F);
}

}  // namespace

PatternAlgorithm::PatternAlgorithm(const char* name, PatternSettings settings) : settings_(std::move(settings)) {
  if (!settings_.init_method) settings_.init_method = random_init();
  if (!settings_.sparsity.is_constant()) return;
  if (const float s = settings_.sparsity.at({}); !(s >= 0 && s < 1)) {
    fail<ConfigError>(name, "sparsity must be at least 0 and below 1", fmt::format("{}", s));
  }
}

float PatternAlgorithm::target_sparsity(const SparseParameter& parameter) const {
  const Attachment* attachment = attachment_of(parameter);
  const ScheduleTime time = attachment == nullptr ? ScheduleTime() : attachment->time;
  return sparsity_at(settings_.sparsity, time, starts_dense());
}

TopologyChange PatternAlgorithm::first_change(const SparseParameter& parameter) const {
  const Parameter& p = parameter.param();
  if (p.is_csr()) return {};
  const MatrixSize size = as_matrix(p.shape());
  if (starts_dense()) return TopologyChange::between(*p.topology(), CsrPattern::full(size.rows, size.cols));
  const float sparsity = sparsity_at(settings_.sparsity, {}, false);
  auto pattern = settings_.init_method({parameter, sparsity, derive_key(settings_.seed, parameter.name(), 0)});
  if (!pattern || pattern->rows() != size.rows || pattern->cols() != size.cols) {
    fail<ShapeError>("init_method",
                     fmt::format("the pattern of '{}' must be {} x {}", parameter.name(), size.rows, size.cols),
                     pattern ? fmt::format("{} x {}", pattern->rows(), pattern->cols()) : "none");
  }
  warn_if_empty(parameter, *pattern, sparsity);
  return TopologyChange::between(*p.topology(), std::move(pattern));
}

DynamicSparsityAlgorithm::DynamicSparsityAlgorithm(const char* name, PatternSettings settings, UpdateSchedule update)
    : PatternAlgorithm(name, std::move(settings)), update_(std::move(update)) {
  update_.check();
}

void DynamicSparsityAlgorithm::adopt(std::vector<SparseParameter> parameters) {
  PatternAlgorithm::adopt(std::move(parameters));
  arm_taps({{}, sparse_params()});
}

void DynamicSparsityAlgorithm::arm_taps(const Attachment& attachment) const {
  if (!wants_dense_gradient()) return;
  const bool next = update_.is_update_step(attachment.time.step + 1);
  for (const SparseParameter& p : attachment.parameters) {
    p.param().gradient_tap()->clear();
    p.param().gradient_tap()->arm(next);
  }
}

void DynamicSparsityAlgorithm::update(optim::Optimizer* optimizer) {
  Attachment& a = attachment(optimizer);
  time_ = a.time;
  ++time_.step;
  const bool is_update = update_.is_update_step(time_.step);
  if (is_update) {
    const float sparsity = sparsity_at(settings().sparsity, time_, starts_dense());
    std::vector<SparseParameter> ready;
    std::ranges::copy_if(a.parameters, std::back_inserter(ready), [](const SparseParameter& p) {
      const Tensor grad = p.param().grad();
      return grad.defined() && all_finite(grad);
    });
    if (wants_dense_gradient()) {
      for (const SparseParameter& p : ready) p.param().gradient_tap()->check_unwritten(p.name());
    }
    begin_update(ready, std::vector<float>(ready.size(), sparsity));
    for (const SparseParameter& p : ready) {
      // Almost every plan is a change, and would be made beside indices that nobody reads any more.
      if (p.param().is_csr()) CsrPatternAccess::drop_transposed(*p.pattern());
      const TopologyChange change = plan(p, sparsity);
      if (!change.pattern) continue;
      p.apply(change);
      warn_if_empty(p, *change.pattern, sparsity);
    }
  }
  a.time = time_;
  if (is_update) ++a.time.updates;
  arm_taps(a);
}

TopologyChange DynamicSparsityAlgorithm::plan(const SparseParameter& parameter, float sparsity) {
  const Tensor mask = update_mask(parameter, parameter.mask(), sparsity);
  if (!mask.defined() || mask.shape() != parameter.param().shape()) {
    fail<ShapeError>(
        "update_mask",
        fmt::format("the mask of '{}' must have shape {}", parameter.name(), parameter.param().shape().to_string()),
        mask.defined() ? mask.shape().to_string() : "an undefined tensor");
  }
  return TopologyChange::between(*parameter.param().topology(), CsrPattern::from_mask(mask));
}

Tensor DynamicSparsityAlgorithm::update_mask(const SparseParameter&, const Tensor&, float) {
  fail<StateError>("DynamicSparsityAlgorithm", "a subclass must override update_mask or plan", "it overrides neither");
}

void DynamicSparsityAlgorithm::for_each_gradient_block(const SparseParameter& parameter,
                                                       const std::function<void(int64_t, const Tensor&)>& f) const {
  const GradientTap& tap = *parameter.param().gradient_tap();
  if (tap.empty()) {
    fail<StateError>(fmt::format("dense gradient of '{}'", parameter.name()), "backward must have retained its factors",
                     "it did not", "override wants_dense_gradient, and run backward after model.apply(sparsity)");
  }
  tap.check_unwritten(parameter.name());
  const MatrixSize size = as_matrix(parameter.param().shape());
  tap.for_each_block(size.rows, size.cols, f);
}

Tensor DynamicSparsityAlgorithm::dense_gradient(const SparseParameter& parameter) const {
  Tensor dense = Tensor::empty(parameter.param().shape(), parameter.param().dtype());
  const int64_t cols = as_matrix(parameter.param().shape()).cols;
  for_each_gradient_block(
      parameter, [&](int64_t row, const Tensor& block) { dense.alias(block.shape(), row * cols).copy_from(block); });
  return dense;
}

uint64_t DynamicSparsityAlgorithm::key(const SparseParameter& parameter) const {
  return derive_key(settings().seed, parameter.name(), time_.step);
}

}  // namespace gossamer::sparse
