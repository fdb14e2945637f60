#include "gossamer/sparse/dynamic.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "gossamer/random.h"
#include "parameter/access.h"
#include "runtime/check.h"
#include "sparse/warn_if_empty.h"
#include "tensor/arith.h"
#include "tensor/csr/stream.h"

namespace gossamer::sparse {

namespace {

bool has_finite_gradient(const SparseParameter& parameter) {
  const Tensor grad = parameter.param().grad();
  return grad.defined() && all_finite(grad);
}

}  // namespace

DynamicSparsityAlgorithm::DynamicSparsityAlgorithm(std::string name, SparsitySettings settings, UpdateSchedule update)
    : SparsityAlgorithm(std::move(name), std::move(settings)), update_(std::move(update)) {
  update_.check();
}

void DynamicSparsityAlgorithm::adopt(std::vector<SparseParameter> parameters) {
  SparsityAlgorithm::adopt(std::move(parameters));
  arm_taps({.parameters = sparse_params()});
}

void DynamicSparsityAlgorithm::load_state_dict(const StateDict& state) {
  SparsityAlgorithm::load_state_dict(state);
  for (const Attachment& a : attachments()) arm_taps(a);
}

void DynamicSparsityAlgorithm::arm_taps(const Attachment& attachment) const {
  if (!wants_dense_gradient()) return;
  const bool next = update_.is_update_step(attachment.time.step + 1);
  for (const SparseParameter& p : attachment.parameters) {
    ParameterAccess::tap(p.param()).clear();
    ParameterAccess::tap(p.param()).arm(next);
  }
}

void DynamicSparsityAlgorithm::prepare(optim::Optimizer* optimizer) {
  const Attachment& a = attachment(optimizer);
  ScheduleTime time = a.time;
  ++time.step;
  Prepared prepared{.time_after = time, .changes = {}, .targets = targets(a, time)};
  if (update_.is_update_step(time.step)) {
    ++prepared.time_after.updates;
    std::vector<Planned> planned;
    for (const SparseParameter& p : a.parameters) {
      if (!has_finite_gradient(p)) continue;
      if (wants_dense_gradient()) ParameterAccess::tap(p.param()).check_unwritten(p.name());
      const uint64_t key = derive_key(settings().seed, p.name(), time.step);
      planned.push_back({p, {.sparsity = sparsity_at(p, time), .time = time, .key = key}});
    }
    // Almost every plan is a change; the transposed indices of the old pattern would stand beside the new one unused.
    for (const auto& [p, context] : planned) {
      if (p.param().is_csr()) CsrPatternAccess::drop_transposed(*p.pattern());
    }
    std::vector<TopologyChange> changes = plan_all(planned);
    if (changes.size() != planned.size()) {
      fail<StateError>("plan_all", fmt::format("there must be a change for each of {} parameters", planned.size()),
                       fmt::format("{}", changes.size()));
    }
    for (size_t i = 0; i < planned.size(); ++i) {
      const auto& [p, context] = planned[i];
      if (!changes[i].pattern) continue;
      p.param().check(changes[i]);
      warn_if_empty(p, *changes[i].pattern, context.sparsity);
      prepared.changes.emplace_back(p, std::move(changes[i]));
    }
  }
  prepared_ = std::move(prepared);
}

void DynamicSparsityAlgorithm::update(optim::Optimizer* optimizer) {
  if (!prepared_) prepare(optimizer);
  Prepared prepared = std::move(*prepared_);
  prepared_.reset();
  for (auto& [p, change] : prepared.changes) p.apply(std::exchange(change, {}));
  Attachment& a = attachment(optimizer);
  a.time = prepared.time_after;
  arm_taps(a);
  call_hooks(a, prepared.targets);
}

std::vector<TopologyChange> DynamicSparsityAlgorithm::plan_all(std::span<const Planned> planned) {
  std::vector<TopologyChange> changes;
  for (const auto& [parameter, context] : planned) changes.push_back(plan(parameter, context));
  return changes;
}

TopologyChange DynamicSparsityAlgorithm::plan(const SparseParameter& parameter, const PlanContext& context) {
  const Tensor mask = update_mask(parameter, parameter.mask(), context);
  if (!mask.defined() || mask.shape() != parameter.param().shape()) {
    fail<ShapeError>(
        "update_mask",
        fmt::format("the mask of '{}' must have shape {}", parameter.name(), parameter.param().shape().to_string()),
        mask.defined() ? mask.shape().to_string() : "an undefined tensor");
  }
  return {CsrPattern::from_mask(mask)};
}

Tensor DynamicSparsityAlgorithm::update_mask(const SparseParameter&, const Tensor&, const PlanContext&) {
  fail<StateError>("DynamicSparsityAlgorithm", "a subclass must override update_mask or plan", "it overrides neither");
}

void DynamicSparsityAlgorithm::for_each_gradient_block(const SparseParameter& parameter,
                                                       const std::function<void(int64_t, const Tensor&)>& f) const {
  const GradientTap& tap = ParameterAccess::tap(parameter.param());
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

}  // namespace gossamer::sparse
