#include "gossamer/sparse/snfs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "gossamer/dispatch.h"
#include "parameter/access.h"
#include "runtime/check.h"
#include "sparse/saved.h"
#include "sparse/selection/apportion.h"
#include "sparse/selection/select.h"
#include "sparse/settings/settings_of.h"
#include "tensor/arith.h"
#include "tensor/state_reader.h"

namespace gossamer::sparse {

namespace {

// More steps than any memory holds the factors of.
constexpr int64_t kMaxWindow = 1000000;

}  // namespace

SNFS::SNFS(SNFSOptions options)
    : DropAndGrow("SNFS", settings_of(options), options.update, options.drop_fraction),
      momentum_(options.momentum),
      window_(options.window),
      redistribute_(options.redistribute) {
  if (!(momentum_ >= 0 && momentum_ < 1)) {
    fail<ConfigError>("SNFS", "momentum must be at least 0 and below 1", fmt::format("{}", momentum_));
  }
  if (window_ < 1 || window_ > kMaxWindow) {
    fail<ConfigError>("SNFS", fmt::format("window must be from 1 to {} steps", kMaxWindow), fmt::format("{}", window_));
  }
}

void SNFS::arm_taps(const std::vector<SparseParameter>& parameters, bool counts) const noexcept {
  for (const SparseParameter& p : parameters) {
    ParameterAccess::tap(p.param()).arm(counts ? GradientTap::Retain::Uses : GradientTap::Retain::Nothing);
  }
}

void SNFS::end_step_of_taps(const std::vector<SparseParameter>& parameters) const noexcept {
  for (const SparseParameter& p : parameters) {
    GradientTap& tap = ParameterAccess::tap(p.param());
    if (is_update()) {
      tap.forget();
    } else {
      tap.end_step(momentum_);
    }
  }
  arm_taps(parameters, next_counts());
}

namespace {

std::string retained_key(const SparseParameter& parameter, size_t use, const char* part) {
  return fmt::format("retained.{}.{}.{}", parameter.name(), use, part);
}

// The factors of a parameter, as far as the state has them; what is wrong with them goes to the reader.
std::vector<GradientTap::Past> read_past(const SparseParameter& parameter, StateReader& reader) {
  std::vector<GradientTap::Past> past;
  const Parameter& p = parameter.param();
  const MatrixSize size = as_matrix(p.shape());
  for (size_t i = 0; reader.contains(retained_key(parameter, i, "dy")); ++i) {
    const int64_t age = reader.scalar<int64_t>(retained_key(parameter, i, "age"));
    const int64_t newest = past.empty() ? std::numeric_limits<int64_t>::max() : past.back().age;
    if (age < 1 || age > std::min(newest, kMaxWindow)) {
      reader.fault(retained_key(parameter, i, "age"),
                   fmt::format("from 1 to {}, and fall from one use to the next", kMaxWindow), fmt::format("{}", age));
    }
    const std::string x_key = retained_key(parameter, i, "x");
    const std::string dy_key = retained_key(parameter, i, "dy");
    const Tensor any = reader.find(dy_key);
    const int64_t n = any.defined() && any.rank() > 0 ? any.dim(0) : 0;
    const Tensor any_x = reader.find(x_key, Entry::Optional);
    const bool rows = any_x.defined() && any_x.dtype() == DType::i64;
    const Tensor x =
        reader.find(x_key, rows ? Shape({n}) : Shape({n, size.cols}), rows ? DType::i64 : p.dtype(), Entry::Optional);
    const Shape dy_shape = rows ? Shape({n, size.cols}) : any_x.defined() ? Shape({n, size.rows}) : p.shape();
    const Tensor dy = reader.find(dy_key, dy_shape, p.dtype());
    if (rows && x.defined() &&
        std::ranges::any_of(x.span<int64_t>(), [&](int64_t row) { return row < 0 || row >= size.rows; })) {
      reader.fault(x_key, fmt::format("rows in [0, {})", size.rows), "others");
    }
    past.push_back({age, x.defined() ? x.clone() : x, dy.defined() ? dy.clone() : dy});
  }
  return past;
}

}  // namespace

StateDict SNFS::state_dict() const {
  StateDict state = DropAndGrow::state_dict();
  for (const SparseParameter& p : sparse_params()) {
    const auto past = ParameterAccess::tap(p.param()).past();
    for (size_t i = 0; i < past.size(); ++i) {
      state[retained_key(p, i, "age")] = state_scalar(past[i].age);
      state[retained_key(p, i, "dy")] = past[i].dy.clone();
      if (past[i].x.defined()) state[retained_key(p, i, "x")] = past[i].x.clone();
    }
  }
  return state;
}

void SNFS::load_state_dict(const StateDict& state) {
  StateDict own;
  StateDict rest;
  for (const auto& [key, tensor] : state) (key.starts_with("retained.") ? own : rest)[key] = tensor;
  StateReader reader(own);
  std::vector<std::vector<GradientTap::Past>> pasts;
  for (const SparseParameter& p : sparse_params()) pasts.push_back(read_past(p, reader));
  reader.finish("SNFS::load_state_dict", "what was retained must be that of this SNFS", "");
  Saved saved(*this);
  DropAndGrow::load_state_dict(rest);
  for (size_t i = 0; i < pasts.size(); ++i) {
    GradientTap& tap = ParameterAccess::tap(sparse_params()[i].param());
    tap = tap.restored(pasts[i], momentum_);
  }
  saved.keep();
}

std::optional<double> SNFS::mean_momentum(const SparseParameter& parameter) const {
  const auto pattern = parameter.param().topology();
  Positions alive;
  alive.reserve(static_cast<size_t>(pattern->nnz()));
  pattern->for_each([&](const SlotPosition& at) { alive.push_back(at.row * pattern->cols() + at.col); });
  double sum = 0;
  bool finite = true;
  auto next = alive.begin();
  for_each_gradient_block(parameter, [&](int64_t row, const Tensor& block) {
    finite = finite && all_finite(block);
    const int64_t first = row * pattern->cols();
    dispatch_floating(block.dtype(), "SNFS", [&]<class T>() {
      const T* momentum = block.data<T>();
      for (; next != alive.end() && *next < first + block.numel(); ++next) {
        sum += std::abs(static_cast<double>(momentum[*next - first]));
      }
    });
  });
  if (!finite || !std::isfinite(sum)) return std::nullopt;
  return alive.empty() ? 0 : sum / static_cast<double>(alive.size());
}

std::optional<DynamicSparsityAlgorithm::End> SNFS::foresee_end(const std::vector<SparseParameter>& parameters) const {
  return redistribute_ ? std::nullopt : DropAndGrow::foresee_end(parameters);
}

std::vector<TopologyChange> SNFS::plan_all(std::span<const Planned> planned) {
  if (!redistribute_) return DropAndGrow::plan_all(planned);
  std::vector<size_t> sharing;
  std::vector<double> weights;
  std::vector<int64_t> room;
  int64_t missing = 0;
  for (size_t i = 0; i < planned.size(); ++i) {
    const auto& [parameter, context] = planned[i];
    const std::optional<double> mean = mean_momentum(parameter);
    if (!mean) continue;
    const Parameter& p = parameter.param();
    const int64_t kept = num_to_keep(p, p.nnz(), context);
    sharing.push_back(i);
    weights.push_back(*mean);
    room.push_back(p.numel() - kept);
    missing += num_kept(context.sparsity, p.numel()) - kept;
  }
  const std::vector<int64_t> shares = apportion(std::max<int64_t>(missing, 0), weights, room);
  std::vector<TopologyChange> changes(planned.size());
  for (size_t i = 0; i < sharing.size(); ++i) {
    const auto& [parameter, context] = planned[sharing[i]];
    changes[sharing[i]] = drop_and_grow(parameter, context, shares[i]);
  }
  return changes;
}

}  // namespace gossamer::sparse
