#include "gossamer/sparse/dynamic.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/optim/optimizer.h"
#include "gossamer/random.h"
#include "parameter/access.h"
#include "parameter/change.h"
#include "runtime/check.h"
#include "runtime/log.h"
#include "sparse/saved.h"
#include "sparse/warn_if_empty.h"
#include "tensor/arith.h"
#include "tensor/csr/stream.h"

namespace gossamer::sparse {

namespace {

// Whether a method was chosen: `random` is the default.
bool is_chosen(const InitMethod& method) {
  const auto* function = method.target<std::shared_ptr<const CsrPattern> (*)(const InitContext&)>();
  return function == nullptr || *function != random;
}

// Where the updates do not end, or a function knows.
constexpr int64_t kNoLast = std::numeric_limits<int64_t>::max();

void warn_about_unreached_cubic(const std::string& name, const Sparsity& sparsity, int64_t last) {
  sparsity.for_each([&](const Schedule& schedule) {
    const auto* const cubic = schedule.get_if<Cubic>();
    if (cubic == nullptr || cubic->end <= last || cubic->init == cubic->final) return;
    rt::warn(
        "model.apply(sparsity): {} ends at sparsity {:.3g}, not at the {:.3g} of its schedule, as that ends at step {} "
        "and the updates at step {}; let the updates go on, or the schedule end earlier",
        name, schedule.at({.step = last}), cubic->final, cubic->end, last);
  });
}

}  // namespace

DynamicSparsityAlgorithm::DynamicSparsityAlgorithm(std::string name, SparsitySettings settings, UpdateSchedule update)
    : SparsityAlgorithm(std::move(name), std::move(settings)), update_(std::move(update)) {
  update_.check();
}

int64_t DynamicSparsityAlgorithm::last_update_step() const {
  if (update_.steps) return std::ranges::max(*update_.steps);
  if (update_.stop && *update_.stop <= update_.start) return 0;
  if (!update_.stop || update_.start < 0) return kNoLast;
  return *update_.stop - 1 - (*update_.stop - 1 - update_.start) % *update_.freq;
}

std::optional<DynamicSparsityAlgorithm::End> DynamicSparsityAlgorithm::foresee_end(
    const std::vector<SparseParameter>&) const {
  return std::nullopt;
}

bool DynamicSparsityAlgorithm::warn_if_short(const char* op, const std::vector<SparseParameter>& parameters,
                                             const End& end) const {
  int64_t elements = 0;
  int64_t wanted = 0;
  for (const SparseParameter& p : parameters) {
    elements += p.param().numel();
    wanted += num_kept(sparsity_at(p, end.time), p.param().numel());
  }
  // A twentieth more is what counts that are rounded, and a schedule that still moves, may leave.
  if (end.connections - wanted <= wanted / 20) return false;
  const auto sparsity = [&](int64_t n) { return 1 - static_cast<double>(n) / static_cast<double>(elements); };
  rt::warn(
      "{}: {} ends at sparsity {:.3g}, not at the {:.3g} that it aims at, with its last update at step {}; let the "
      "updates go on, begin at step 0, or drop more in each",
      op, name(), sparsity(end.connections), sparsity(wanted), end.time.step);
  return true;
}

void DynamicSparsityAlgorithm::warn_about_updates(const std::vector<SparseParameter>& parameters) {
  const int64_t last = last_update_step();
  if (last == kNoLast || parameters.empty()) return;
  if (last < 1) {
    const bool no_steps = update_.stop && *update_.stop <= update_.start;
    rt::warn(
        "model.apply(sparsity): {} keeps its first patterns{}, as there is no update step after step 0{}; {}, or use "
        "Static",
        name(), starts_dense() ? ", which are full" : "",
        no_steps ? fmt::format(": start {}, stop {}", update_.start, *update_.stop) : "",
        no_steps ? "stop must be above start" : "let the updates go on");
    return;
  }
  const std::optional<End> end = foresee_end(parameters);
  warned_about_end_ = end && warn_if_short("model.apply(sparsity)", parameters, *end);
  if (!warned_about_end_) warn_about_unreached_cubic(name(), sparsity(), last);
}

bool DynamicSparsityAlgorithm::counts_after(int64_t step) const {
  if (!wants_dense_gradient()) return false;
  for (int64_t ahead = 1; ahead <= retained_steps(); ++ahead) {
    if (update_.is_update_step(step + ahead)) return true;
  }
  return false;
}

void DynamicSparsityAlgorithm::prepare_adopt(std::vector<SparseParameter> parameters) {
  next_counts_ = counts_after(0);
  const bool all_full = std::ranges::all_of(parameters, [&](const SparseParameter& p) {
    const PreparedChange* change = change_of(p.param());
    return (change == nullptr ? p.pattern() : change->pattern())->is_full();
  });
  if (starts_dense() && all_full && !parameters.empty() && is_chosen(init_method())) {
    rt::warn(
        "model.apply(sparsity): {} starts dense, as step 0 is no update step, and does not use its init_method; "
        "leave it out, or let the updates start at step 0",
        name());
  }
  warn_about_updates(parameters);
  SparsityAlgorithm::prepare_adopt(std::move(parameters));
}

void DynamicSparsityAlgorithm::adopt() noexcept {
  SparsityAlgorithm::adopt();
  arm_taps(sparse_params(), next_counts_);
}

void DynamicSparsityAlgorithm::load_state_dict(const StateDict& state) {
  Saved saved(*this);
  SparsityAlgorithm::load_state_dict(state);
  for (const Attachment& a : attachments()) arm_taps(a.parameters, counts_after(a.time.step));
  saved.keep();
}

void DynamicSparsityAlgorithm::arm_taps(const std::vector<SparseParameter>& parameters, bool counts) const noexcept {
  if (!wants_dense_gradient()) return;
  for (const SparseParameter& p : parameters) {
    ParameterAccess::tap(p.param()).clear();
    ParameterAccess::tap(p.param()).arm(counts ? GradientTap::Retain::Uses : GradientTap::Retain::AcrossSteps);
  }
}

void DynamicSparsityAlgorithm::end_step_of_taps(const std::vector<SparseParameter>& parameters) const noexcept {
  if (!wants_dense_gradient()) return;
  const auto next = next_counts_ ? GradientTap::Retain::Uses : GradientTap::Retain::AcrossSteps;
  for (const SparseParameter& p : parameters) ParameterAccess::tap(p.param()).end_step_of_sum(next);
}

std::vector<Parameter> DynamicSparsityAlgorithm::begin(optim::Optimizer* optimizer) {
  SparsityAlgorithm::begin(optimizer);
  Step& step = current_step();
  is_update_ = update_.is_update_step(step.time.step);
  next_counts_ = counts_after(step.time.step);
  std::vector<Parameter> read;
  if (!is_update_) return read;
  for (const SparseParameter& p : step_attachment().parameters) read.push_back(p.param());
  return read;
}

void DynamicSparsityAlgorithm::prepare(optim::Optimizer* optimizer) {
  const ScheduleTime time = current_step().time;
  if (is_update_) {
    bool all_finite = true;
    std::vector<Planned> planned;
    for (const SparseParameter& p : step_attachment().parameters) {
      const Tensor grad = p.param().grad();
      if (!grad.defined()) continue;
      if (!gossamer::all_finite(grad)) {
        all_finite = false;
        continue;
      }
      if (wants_dense_gradient()) ParameterAccess::tap(p.param()).check(p.name());
      const uint64_t key = derive_key(settings().seed, p.name(), time.step);
      planned.push_back({p, {.sparsity = sparsity_at(p, time), .time = time, .key = key, .optimizer = optimizer}});
    }
    // Almost every plan is a change; the transposed indices of the old pattern would stand beside the new one unused.
    for (const auto& [p, context] : planned) {
      if (p.param().is_csr()) CsrPatternAccess::drop_transposed(*p.pattern());
    }
    const NoGrad no_grad;  // scores are values of a moment
    std::vector<TopologyChange> changes = plan_all(planned);
    if (changes.size() != planned.size()) {
      fail<StateError>("plan_all", fmt::format("there must be a change for each of {} parameters", planned.size()),
                       fmt::format("{}", changes.size()));
    }
    std::vector<std::pair<SparseParameter, TopologyChange>> of_parameters;
    for (size_t i = 0; i < planned.size(); ++i) {
      const auto& [p, context] = planned[i];
      if (!changes[i].pattern) {
        // Growth met a gradient that is not finite.
        all_finite = all_finite && !wants_dense_gradient();
        continue;
      }
      p.param().check(changes[i]);
      warn_if_empty(p, *changes[i].pattern, context.sparsity);
      of_parameters.emplace_back(p, std::move(changes[i]));
    }
    prepare_changes(std::move(of_parameters));
    if (time.step == last_update_step() && !warned_about_end_) {
      int64_t connections = 0;
      for (const SparseParameter& p : step_attachment().parameters) {
        const PreparedChange* change = change_of(p.param());
        connections += change == nullptr ? p.param().nnz() : change->pattern()->nnz();
      }
      warned_about_end_ = warn_if_short("update", step_attachment().parameters, {connections, time});
    }
    // As in the original, a cycling sparsity repeats its value after an update that met such a gradient.
    if (all_finite) ++current_step().time_after.updates;
  }
  SparsityAlgorithm::prepare(optimizer);
}

void DynamicSparsityAlgorithm::carry_out() noexcept {
  if (!step_began()) return;
  end_step_of_taps(step_attachment().parameters);
  SparsityAlgorithm::carry_out();
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
  if (mask.dtype() != DType::boolean) {
    fail<DTypeError>("update_mask", fmt::format("the mask of '{}' must be bool", parameter.name()),
                     dtype_name(mask.dtype()), "compare, or convert with .to(DType::boolean)");
  }
  return {CsrPattern::from_mask(mask)};
}

Tensor PlanContext::dense_state(const SparseParameter& parameter, std::string_view name) const {
  if (optimizer == nullptr) {
    fail<StateError>("dense_state", "there must be an optimizer", "update() was called without one",
                     "call update(&optimizer), or leave it to optimizer.step()");
  }
  const Parameter& p = parameter.param();
  const optim::State state = optimizer->state(p)[name];
  const Tensor held = state.tensor();
  return p.is_csr() && !state.requires_dense() ? p.pattern()->dense(held).alias(p.shape()) : held.clone();
}

Tensor DynamicSparsityAlgorithm::update_mask(const SparseParameter&, const Tensor&, const PlanContext&) {
  fail<StateError>("DynamicSparsityAlgorithm", "a subclass must override update_mask or plan", "it overrides neither");
}

void DynamicSparsityAlgorithm::for_each_gradient_block(const SparseParameter& parameter,
                                                       const std::function<void(int64_t, const Tensor&)>& f) const {
  const GradientTap& tap = ParameterAccess::tap(parameter.param());
  tap.check(parameter.name());
  if (tap.empty()) {
    fail<StateError>(fmt::format("dense gradient of '{}'", parameter.name()), "backward must have retained its factors",
                     "it did not", "override wants_dense_gradient, and run backward after model.apply(sparsity)");
  }
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
