#include "gossamer/sparse/rigl.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "gossamer/dispatch.h"
#include "gossamer/random.h"
#include "parameter/access.h"
#include "runtime/check.h"
#include "sparse/saved.h"
#include "sparse/selection/select.h"
#include "sparse/settings/settings_of.h"
#include "tensor/arith.h"
#include "tensor/state_reader.h"

namespace gossamer::sparse {

namespace {

constexpr int64_t kMaxWindow = 1000000;

Positions positions_of(const CsrPattern& pattern) {
  Positions positions;
  positions.reserve(static_cast<size_t>(pattern.nnz()));
  pattern.for_each([&](const SlotPosition& at) { positions.push_back(at.row * pattern.cols() + at.col); });
  return positions;
}

// share * nnz absent positions, or all of them.
std::shared_ptr<const CsrPattern> draw_candidates(const CsrPattern& pattern, double share, uint64_t key) {
  const int64_t n = pattern.rows() * pattern.cols();
  const double wanted = share * static_cast<double>(pattern.nnz());
  const int64_t absent = n - pattern.nnz();
  const int64_t k = wanted < static_cast<double>(absent) ? static_cast<int64_t>(wanted) : absent;
  return CsrPattern::from_positions(pattern.rows(), pattern.cols(), random_absent(positions_of(pattern), n, k, key));
}

// The sums with one step more; null: with that step alone. The gradient is used up.
std::shared_ptr<const GradientSums> with_step(const std::shared_ptr<const GradientSums>& before,
                                              std::shared_ptr<const CsrPattern> pattern, Tensor gradient) {
  Tensor squares = Tensor::empty(gradient.shape(), gradient.dtype());
  dispatch_floating(gradient.dtype(), "RigL", [&]<class T>() {
    std::ranges::transform(std::as_const(gradient).span<T>(), squares.mutable_data<T>(), [](T g) { return g * g; });
  });
  if (before) {
    add_into(gradient, before->sum);
    add_into(squares, before->squares);
  }
  return std::make_shared<const GradientSums>(
      GradientSums{std::move(pattern), std::move(gradient), std::move(squares)});
}

}  // namespace

RigL::RigL(RigLOptions options)
    : DropAndGrow("RigL", settings_of(options), options.update, options.drop_fraction),
      in_groups_(options.balance_in_groups),
      out_groups_(options.balance_out_groups),
      candidates_(options.candidates),
      window_(options.window) {
  if (in_groups_ < 0 || out_groups_ < 0) {
    fail<ConfigError>("RigL", "numbers of groups must be at least 0",
                      fmt::format("balance_in_groups {}, balance_out_groups {}", in_groups_, out_groups_));
  }
  if (in_groups_ > 0 && out_groups_ > 0) {
    fail<ConfigError>("RigL", "balance_in_groups and balance_out_groups exclude each other",
                      fmt::format("{} and {}", in_groups_, out_groups_), "give one of them");
  }
  if (!(candidates_ >= 0 && std::isfinite(candidates_))) {
    fail<ConfigError>("RigL", "candidates must be at least 0 and finite", fmt::format("{}", candidates_));
  }
  if (candidates_ > 0 && (in_groups_ > 0 || out_groups_ > 0)) {
    fail<ConfigError>(
        "RigL", "candidates grow without groups",
        fmt::format("{} candidates, balance_in_groups {}, balance_out_groups {}", candidates_, in_groups_, out_groups_),
        "give candidates or groups");
  }
  if (window_ < 1 || window_ > kMaxWindow) {
    fail<ConfigError>("RigL", fmt::format("window must be from 1 to {} steps", kMaxWindow), fmt::format("{}", window_));
  }
}

TopologyChange RigL::first_change(const SparseParameter& parameter) const {
  const MatrixSize size = as_matrix(parameter.param().shape());
  const auto check_divides = [&](std::string_view option, int64_t groups, int64_t n, std::string_view what) {
    if (groups <= 1 || (n > 0 && n % groups == 0)) return;
    fail<ConfigError>("RigL", fmt::format("{} must divide the {} of '{}'", option, what, parameter.name()),
                      fmt::format("{} groups of {} {}", groups, n, what),
                      "give the parameter to a RigL of its own, in a Group");
  };
  check_divides("balance_in_groups", in_groups_, size.cols, "columns");
  check_divides("balance_out_groups", out_groups_, size.rows, "rows");
  return DropAndGrow::first_change(parameter);
}

void RigL::complete(InitContext& context) const {
  context.in_groups = std::max<int64_t>(1, in_groups_);
  context.out_groups = std::max<int64_t>(1, out_groups_);
}

Groups RigL::groups(const Parameter& parameter) const {
  Groups groups = DropAndGrow::groups(parameter);
  groups.out = std::max<int64_t>(1, out_groups_);
  groups.in = std::max<int64_t>(1, in_groups_);
  return groups;
}

// ---- Growth by signal to noise ----

int64_t RigL::retained_steps() const { return candidates_ > 0 ? window_ : DropAndGrow::retained_steps(); }

void RigL::arm_taps(const std::vector<SparseParameter>& parameters, bool counts) const noexcept {
  if (candidates_ == 0) return DropAndGrow::arm_taps(parameters, counts);
  for (const SparseParameter& p : parameters) {
    GradientTap& tap = ParameterAccess::tap(p.param());
    tap.forget();
    tap.arm(counts ? GradientTap::Retain::Uses : GradientTap::Retain::Nothing);
  }
}

void RigL::end_step_of_taps(const std::vector<SparseParameter>& parameters) const noexcept {
  if (candidates_ == 0) return DropAndGrow::end_step_of_taps(parameters);
  arm_taps(parameters, next_counts());
}

RigL::Gathered RigL::gather(const SparseParameter& parameter, int64_t step) const {
  const Parameter& p = parameter.param();
  const GradientTap& tap = ParameterAccess::tap(p);
  std::shared_ptr<const GradientSums> sums = tap.sums();
  const Tensor of_values = p.grad();
  if (tap.empty() || !of_values.defined()) return {p, std::move(sums), true};
  tap.check(parameter.name());
  const uint64_t key = derive_key(settings().seed, parameter.name() + ".candidates", step);
  auto pattern = sums ? sums->pattern : draw_candidates(*p.topology(), candidates_, key);
  Tensor gradient = tap.gradient_at(pattern);
  if (!all_finite(gradient) || !all_finite(of_values)) return {p, std::move(sums), false};
  return {p, with_step(sums, std::move(pattern), std::move(gradient)), true};
}

std::vector<Parameter> RigL::begin(optim::Optimizer* optimizer) {
  gathered_.clear();
  return DropAndGrow::begin(optimizer);
}

void RigL::prepare(optim::Optimizer* optimizer) {
  if (candidates_ > 0) {
    const int64_t step = current_step().time.step;
    for (const SparseParameter& p : step_attachment().parameters) gathered_.push_back(gather(p, step));
  }
  DropAndGrow::prepare(optimizer);
}

void RigL::carry_out() noexcept {
  DropAndGrow::carry_out();
  for (Gathered& g : gathered_) {
    if (!is_update()) ParameterAccess::tap(g.parameter).set_sums(std::move(g.sums));
  }
  gathered_.clear();
}

void RigL::discard() noexcept {
  gathered_.clear();
  DropAndGrow::discard();
}

std::optional<Positions> RigL::grow(const SparseParameter& parameter, const PlanContext& context,
                                    const Vacancy& vacancy) const {
  if (candidates_ == 0) return DropAndGrow::grow(parameter, context, vacancy);
  const auto gathered = std::ranges::find(gathered_, parameter.param(), &Gathered::parameter);
  if (gathered == gathered_.end() || !gathered->finite) return std::nullopt;
  if (!gathered->sums) {
    fail<StateError>(fmt::format("growth of '{}'", parameter.name()),
                     "backward must have run in a step since the last update", "it did not",
                     "run backward after model.apply(sparsity) and before each update");
  }
  const int64_t missing = vacancy.missing.front();
  const GradientSums& sums = *gathered->sums;
  TopK best(missing);
  dispatch_floating(sums.sum.dtype(), "RigL", [&]<class T>() {
    const T* const s = sums.sum.data<T>();
    const T* const q = sums.squares.data<T>();
    auto kept = vacancy.kept.begin();
    sums.pattern->for_each([&](const SlotPosition& p) {
      const int64_t at = p.row * sums.pattern->cols() + p.col;
      // One that the application made a connection meanwhile.
      kept = std::lower_bound(kept, vacancy.kept.end(), at);
      if (kept != vacancy.kept.end() && *kept == at) return;
      const auto signal = static_cast<double>(s[p.slot]);
      const auto noise = static_cast<double>(q[p.slot]);
      best.offer(noise > 0 ? signal * signal / noise : 0, at);
    });
  });
  Positions grown;
  best.take(grown);
  std::ranges::sort(grown);
  const int64_t more = missing - static_cast<int64_t>(grown.size());
  if (more > 0) {
    Positions present;
    std::ranges::merge(vacancy.kept, grown, std::back_inserter(present));
    const Positions others = random_absent(present, vacancy.groups.size(), more, context.key);
    grown.insert(grown.end(), others.begin(), others.end());
  }
  return grown;
}

namespace {

std::string candidates_key(const SparseParameter& parameter, const char* part) {
  return fmt::format("candidates.{}.{}", parameter.name(), part);
}

// The sums of a parameter, null where the state has none; what is wrong with them goes to the reader.
std::shared_ptr<const GradientSums> read_sums(const SparseParameter& parameter, StateReader& reader) {
  const std::string key = candidates_key(parameter, "positions");
  if (!reader.contains(key)) return nullptr;
  const Parameter& p = parameter.param();
  const MatrixSize size = as_matrix(p.shape());
  const Tensor any = reader.find(key);
  const int64_t n = any.defined() && any.rank() == 1 ? any.dim(0) : 0;
  const Tensor positions = reader.find(key, {n}, DType::i64);
  const Tensor sum = reader.find(candidates_key(parameter, "sum"), {n}, p.dtype());
  const Tensor squares = reader.find(candidates_key(parameter, "squares"), {n}, p.dtype());
  if (!positions.defined() || !sum.defined() || !squares.defined()) return nullptr;
  const auto at = positions.span<int64_t>();
  const bool ascends = std::ranges::adjacent_find(at, std::greater_equal<>()) == at.end();
  if (!ascends || (n > 0 && (at.front() < 0 || at.back() >= size.rows * size.cols))) {
    reader.fault(key, fmt::format("ascending positions below {}", size.rows * size.cols), "others");
    return nullptr;
  }
  const auto pattern = CsrPattern::from_positions(size.rows, size.cols, at);
  return std::make_shared<const GradientSums>(
      GradientSums{pattern, pattern->from_canonical(sum), pattern->from_canonical(squares)});
}

}  // namespace

StateDict RigL::state_dict() const {
  StateDict state = DropAndGrow::state_dict();
  for (const SparseParameter& p : sparse_params()) {
    const auto& sums = ParameterAccess::tap(p.param()).sums();
    if (!sums) continue;
    const Positions positions = positions_of(*sums->pattern);
    state[candidates_key(p, "positions")] = Tensor::from<int64_t>(positions, {sums->pattern->nnz()});
    state[candidates_key(p, "sum")] = sums->pattern->to_canonical(sums->sum);
    state[candidates_key(p, "squares")] = sums->pattern->to_canonical(sums->squares);
  }
  return state;
}

void RigL::load_state_dict(const StateDict& state) {
  StateDict own;
  StateDict rest;
  for (const auto& [key, tensor] : state) {
    (candidates_ > 0 && key.starts_with("candidates.") ? own : rest)[key] = tensor;
  }
  StateReader reader(own);
  std::vector<std::shared_ptr<const GradientSums>> sums;
  for (const SparseParameter& p : sparse_params()) sums.push_back(read_sums(p, reader));
  reader.finish("RigL::load_state_dict", "the candidates must be those of this model", "");
  Saved saved(*this);
  DropAndGrow::load_state_dict(rest);
  for (size_t i = 0; i < sums.size(); ++i) {
    ParameterAccess::tap(sparse_params()[i].param()).set_sums(std::move(sums[i]));
  }
  saved.keep();
}

}  // namespace gossamer::sparse
