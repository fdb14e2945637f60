#include "gossamer/sparse/dynamic.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "gossamer/random.h"
#include "ops/gradient_tap.h"
#include "runtime/check.h"
#include "sparse/warn_if_empty.h"
#include "tensor/arith.h"
#include "tensor/csr_stream.h"

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

void DynamicSparsityAlgorithm::load_state_dict(const AlgorithmState& state) {
  SparsityAlgorithm::load_state_dict(state);
  for (const Attachment& a : attachments()) arm_taps(a);
}

void DynamicSparsityAlgorithm::arm_taps(const Attachment& attachment) const {
  if (!wants_dense_gradient()) return;
  const bool next = update_.is_update_step(attachment.time.step + 1);
  for (const SparseParameter& p : attachment.parameters) {
    p.param().gradient_tap()->clear();
    p.param().gradient_tap()->arm(next);
  }
}

void DynamicSparsityAlgorithm::prepare(optim::Optimizer* optimizer) {
  const Attachment& a = attachment(optimizer);
  time_ = a.time;
  ++time_.step;
  Prepared prepared{.time_after = time_, .changes = {}, .targets = targets(a, time_)};
  if (update_.is_update_step(time_.step)) {
    ++prepared.time_after.updates;
    std::vector<SparseParameter> ready = a.parameters;
    std::erase_if(ready, [](const SparseParameter& p) { return !has_finite_gradient(p); });
    if (wants_dense_gradient()) {
      for (const SparseParameter& p : ready) p.param().gradient_tap()->check_unwritten(p.name());
    }
    std::vector<float> sparsities;
    for (const SparseParameter& p : ready) sparsities.push_back(sparsity_at(p, time_));
    begin_update(ready, sparsities);
    for (size_t i = 0; i < ready.size(); ++i) {
      const SparseParameter& p = ready[i];
      // Almost every plan is a change, and would be made beside indices that nobody reads any more.
      if (p.param().is_csr()) CsrPatternAccess::drop_transposed(*p.pattern());
      TopologyChange change = plan(p, sparsities[i]);
      if (!change.pattern) continue;
      p.param().check(change);
      warn_if_empty(p, *change.pattern, sparsities[i]);
      prepared.changes.emplace_back(p, std::move(change));
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

TopologyChange DynamicSparsityAlgorithm::plan(const SparseParameter& parameter, float sparsity) {
  const Tensor mask = update_mask(parameter, parameter.mask(), sparsity);
  if (!mask.defined() || mask.shape() != parameter.param().shape()) {
    fail<ShapeError>(
        "update_mask",
        fmt::format("the mask of '{}' must have shape {}", parameter.name(), parameter.param().shape().to_string()),
        mask.defined() ? mask.shape().to_string() : "an undefined tensor");
  }
  return {CsrPattern::from_mask(mask)};
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
