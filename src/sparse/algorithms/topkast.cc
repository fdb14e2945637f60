#include "gossamer/sparse/topkast.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/dispatch.h"
#include "gossamer/ops.h"
#include "parameter/access.h"
#include "runtime/check.h"
#include "sparse/selection/select.h"
#include "sparse/settings/settings_of.h"
#include "sparse/settings/shares.h"
#include "tensor/mask_bytes.h"
#include "tensor/state_reader.h"

namespace gossamer::sparse {

namespace {

Groups whole(const Parameter& parameter) {
  const MatrixSize size = as_matrix(parameter.shape());
  return {.rows = size.rows, .cols = size.cols};
}

}  // namespace

TopKAST::TopKAST(TopKASTOptions options)
    : DynamicSparsityAlgorithm("TopKAST", settings_of(options), std::move(options.update)),
      forward_sparsity_(std::move(options.forward_sparsity)),
      drop_fraction_(std::move(options.drop_fraction)) {
  check_drop_fraction(name(), drop_fraction_);
  check_sparsity(name(), "forward_sparsity", forward_sparsity_);
}

int64_t TopKAST::num_forward(const SparseParameter& parameter, const ScheduleTime& time) const {
  ScheduleTime at = time;
  if (at.step > 0 && !starts_dense()) ++at.updates;  // cycles along with the sparsity: see sparsity_at
  const float sparsity = forward_sparsity_.of(parameter.name()).at(at);
  if (std::isnan(sparsity)) {
    fail<ConfigError>("TopKAST", "forward_sparsity must be a number", fmt::format("NaN at step {}", time.step));
  }
  const int64_t n = parameter.param().numel();
  const int64_t forward = num_kept(std::clamp(sparsity, 0.0F, 1.0F), n);
  const int64_t stored = num_kept(sparsity_at(parameter, time), n);
  if (forward > stored) {
    fail<ConfigError>("TopKAST",
                      fmt::format("forward_sparsity of '{}' must be at least its sparsity", parameter.name()),
                      fmt::format("forward would use {} connections, of {} stored", forward, stored));
  }
  return forward;
}

std::shared_ptr<const ForwardSubset> TopKAST::choose_forward(const SparseParameter& parameter,
                                                             const ScheduleTime& time) const {
  const auto [pattern, values] = future_of(parameter.param());
  const int64_t count = num_forward(parameter, time);
  if (count >= pattern->nnz()) return nullptr;
  const Positions chosen = largest_magnitudes(*pattern, values, whole(parameter.param()), count);
  return ParameterAccess::make_forward_subset("TopKAST", *pattern,
                                              CsrPattern::from_positions(pattern->rows(), pattern->cols(), chosen));
}

void TopKAST::take_forward() noexcept {
  for (auto& [parameter, subset] : chosen_) ParameterAccess::set_forward_subset(parameter, std::move(subset));
  chosen_.clear();
}

TopologyChange TopKAST::first_change(const SparseParameter& parameter) const {
  num_forward(parameter, {});  // throws before anything changes
  return DynamicSparsityAlgorithm::first_change(parameter);
}

void TopKAST::prepare_adopt(std::vector<SparseParameter> parameters) {
  chosen_.clear();
  if (!starts_dense()) {
    for (const SparseParameter& p : parameters) chosen_.emplace_back(p.param(), choose_forward(p, {}));
  }
  if (!parameters.empty()) warn_about_names("forward_sparsity", forward_sparsity_, parameters);
  DynamicSparsityAlgorithm::prepare_adopt(std::move(parameters));
}

void TopKAST::adopt() noexcept {
  DynamicSparsityAlgorithm::adopt();
  take_forward();
}

std::vector<Parameter> TopKAST::begin(optim::Optimizer* optimizer) {
  chosen_.clear();
  return DynamicSparsityAlgorithm::begin(optimizer);
}

void TopKAST::prepare(optim::Optimizer* optimizer) {
  const ScheduleTime time = current_step().time;
  if (is_update()) {
    for (const SparseParameter& p : step_attachment().parameters) num_forward(p, time);  // without a gradient too
  }
  DynamicSparsityAlgorithm::prepare(optimizer);
  if (!is_update()) return;
  for (const SparseParameter& p : step_attachment().parameters) {
    chosen_.emplace_back(p.param(), choose_forward(p, time));
  }
}

void TopKAST::carry_out() noexcept {
  DynamicSparsityAlgorithm::carry_out();
  take_forward();
}

void TopKAST::discard() noexcept {
  chosen_.clear();
  DynamicSparsityAlgorithm::discard();
}

TopologyChange TopKAST::plan(const SparseParameter& parameter, const PlanContext& context) {
  const Parameter& p = parameter.param();
  const int64_t n = p.numel();
  const int64_t target = num_kept(context.sparsity, n);
  const int64_t forward = num_forward(parameter, context.time);
  const int64_t rest = std::max<int64_t>(p.nnz() - forward, 0);
  const int64_t keep = std::min(forward + num_after_drop(drop_fraction_.at(context.time), rest, 1), target);
  Positions kept = largest_magnitudes(*p.topology(), p.values(), whole(p), keep);
  Positions grown = random_absent(kept, n, target - static_cast<int64_t>(kept.size()), context.key);
  return change_to(p, std::move(kept), std::move(grown));
}

namespace {

std::string forward_key(const SparseParameter& parameter) { return "forward." + parameter.name(); }

// Of each connection of a parameter, in slot order: the slot in its forward pattern, or -1.
std::vector<int64_t> slots_in_forward(const Parameter& parameter) {
  return TopologyChange::between(*parameter.forward_pattern(), parameter.pattern()).source;
}

}  // namespace

StateDict TopKAST::state_dict() const {
  StateDict state = DynamicSparsityAlgorithm::state_dict();
  for (const SparseParameter& p : sparse_params()) {
    if (!p.param().forward_pattern()) continue;
    Tensor used = Tensor::empty({p.param().nnz()}, DType::boolean);
    std::ranges::transform(slots_in_forward(p.param()), used.mutable_data<bool>(),
                           [](int64_t slot) { return slot >= 0; });
    state[forward_key(p)] = p.pattern()->to_canonical(used);
  }
  return state;
}

void TopKAST::load_state_dict(const StateDict& state) {
  StateDict own;
  StateDict rest;
  for (const auto& [key, tensor] : state) (key.starts_with("forward.") ? own : rest)[key] = tensor;
  StateReader reader(own);
  for (const SparseParameter& p : sparse_params()) {
    reader.find(forward_key(p), {p.param().nnz()}, DType::boolean, Entry::Optional);
  }
  reader.finish("TopKAST::load_state_dict", "the forward patterns must be those of this model",
                "load its state before");
  for (const auto& [key, used] : own) check_mask_bytes("TopKAST::load_state_dict", used);
  std::vector<std::pair<Parameter, std::shared_ptr<const ForwardSubset>>> loaded;
  for (const SparseParameter& p : sparse_params()) {
    const auto found = own.find(forward_key(p));
    if (found == own.end()) {
      loaded.emplace_back(p.param(), nullptr);
      continue;
    }
    const CsrPattern& pattern = *p.pattern();
    const bool* used = found->second.data<bool>();
    Positions chosen;
    pattern.for_each([&](const SlotPosition& at) {
      if (*used++) chosen.push_back(at.row * pattern.cols() + at.col);
    });
    loaded.emplace_back(p.param(),
                        ParameterAccess::make_forward_subset(
                            "TopKAST", pattern, CsrPattern::from_positions(pattern.rows(), pattern.cols(), chosen)));
  }
  DynamicSparsityAlgorithm::load_state_dict(rest);
  chosen_ = std::move(loaded);
  take_forward();
}

Tensor TopKAST::exploration_loss() const {
  Tensor loss;
  for (const SparseParameter& sparse : sparse_params()) {
    const Parameter& p = sparse.param();
    const Tensor values = p.values();
    Tensor penalty = mul(values, values);
    if (const auto forward = p.forward_pattern()) {
      const double density = static_cast<double>(forward->nnz()) / static_cast<double>(p.numel());
      Tensor factors = Tensor::empty(values.shape(), values.dtype());
      dispatch_floating(values.dtype(), "exploration_loss", [&]<class T>() {
        std::ranges::transform(slots_in_forward(p), factors.mutable_data<T>(),
                               [&](int64_t slot) { return static_cast<T>(slot >= 0 ? 1 : 1 / density); });
      });
      penalty = mul(penalty, factors);
    }
    const Tensor of_parameter = sum(penalty);
    loss = loss.defined() ? loss + of_parameter : of_parameter;
  }
  return loss.defined() ? loss : Tensor::zeros({});
}

void TopKAST::finish() {
  std::vector<std::pair<SparseParameter, TopologyChange>> changes;
  for (const SparseParameter& p : sparse_params()) {
    if (const auto forward = p.param().forward_pattern()) changes.emplace_back(p, TopologyChange{forward});
  }
  prepare_changes(std::move(changes));
  carry_out_changes();
}

}  // namespace gossamer::sparse
