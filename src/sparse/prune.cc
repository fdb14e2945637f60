#include "gossamer/sparse/prune.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "config/nearest.h"
#include "gossamer/dispatch.h"
#include "gossamer/glob.h"
#include "gossamer/sparse/init_method.h"
#include "gossamer/sparse/sparse_parameter.h"
#include "parameter/change.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "sparse/names.h"
#include "sparse/selection/connection_scores.h"
#include "sparse/selection/select.h"
#include "sparse/warn_if_empty.h"

namespace gossamer::sparse {

namespace {

constexpr const char* kOp = "prune";

void check(const std::vector<Parameter>& parameters, const PruneOptions& options) {
  options.sparsity.for_each([](const Schedule& schedule) {
    if (!schedule.is_constant()) fail<ConfigError>(kOp, "the sparsity must be constant", "a schedule");
    if (const float s = schedule.at({}); !(s >= 0 && s < 1)) {
      fail<ConfigError>(kOp, "the sparsity must be at least 0 and below 1", fmt::format("{}", s), remedy_of_share(s));
    }
  });
  const Sparsity::ByName& by_name = options.sparsity.by_name();
  if (options.scope == PruneScope::Global && !by_name.empty()) {
    fail<ConfigError>(kOp, "the scope Global has one sparsity for all", "one by name");
  }
  for (const auto& [name, sparsity] : by_name) {
    if (std::ranges::none_of(parameters, [&, &wanted = name](const Parameter& p) {
          return p.name() == wanted || glob_match(wanted, p.name());
        })) {
      fail<ConfigError>(kOp, "the sparsity must name the parameters", fmt::format("'{}' is none of them", name),
                        "there are " + list_nearest({name}, names_of(parameters)));
    }
  }
}

// |f(slot, w)| for every connection, in the dtype of the values.
template <class F>
Tensor score_slots(const Parameter& parameter, F&& f) {
  const Tensor values = parameter.values();
  Tensor scores = Tensor::empty(values.shape(), values.dtype());
  dispatch_floating(values.dtype(), "scores", [&]<class T>() {
    const T* w = values.data<T>();
    T* to = scores.mutable_data<T>();
    rt::parallel_chunks(values.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i] = std::abs(f(i, w[i]));
    });
  });
  return scores;
}

}  // namespace

Tensor magnitude_scores(const Parameter& parameter) {
  return score_slots(parameter, [](int64_t, auto w) { return w; });
}

Tensor saliency_scores(const Parameter& parameter) {
  const Tensor grad = parameter.grad();
  if (!grad.defined()) {
    fail<StateError>("saliency_scores", fmt::format("'{}' must have a gradient", parameter.name()), "it has none",
                     "run backward before");
  }
  return score_slots(parameter, [&]<class T>(int64_t slot, T w) { return w * grad.data<T>()[slot]; });
}

void prune(const std::vector<Parameter>& parameters, const ConnectionScores& scores, const PruneOptions& options) {
  check(parameters, options);
  std::vector<SparseParameter> pruned;
  std::vector<float> sparsities;
  std::vector<Tensor> all_scores;
  int64_t elements = 0;
  for (const Parameter& p : parameters) {
    if (p.requires_dense()) continue;
    sparsities.push_back(options.sparsity.of(p.name()).at({}));
    all_scores.push_back(checked_scores(kOp, p, scores));
    pruned.emplace_back(p.name(), p);
    elements += p.numel();
  }
  std::vector<int64_t> share;
  if (options.scope == PruneScope::Global && !pruned.empty()) {
    share = share_of_highest(all_scores, num_kept(sparsities.front(), elements));
  }
  std::vector<PreparedChange> changes;
  changes.reserve(pruned.size());
  for (size_t i = 0; i < pruned.size(); ++i) {
    const Parameter& p = pruned[i].param();
    const MatrixSize size = as_matrix(p.shape());
    const int64_t rows = options.scope == PruneScope::Row ? std::max<int64_t>(size.rows, 1) : 1;
    const Groups groups{.rows = size.rows, .cols = size.cols, .out = rows};
    const int64_t keep = options.scope == PruneScope::Global ? share[i] : num_kept(sparsities[i], p.numel() / rows);
    Positions kept = largest_magnitudes(*p.topology(), all_scores[i], groups, keep);
    all_scores[i] = {};
    TopologyChange change = change_to(p, std::move(kept), {});
    warn_if_empty(pruned[i], *change.pattern, sparsities[i]);
    changes.emplace_back(p, std::move(change));
    changes.back().move_values_now();
  }
  for (PreparedChange& change : changes) change.commit();
}

void snip(const std::vector<Parameter>& parameters, double sparsity) {
  prune(parameters, saliency_scores, {.sparsity = sparsity, .scope = PruneScope::Global});
}

}  // namespace gossamer::sparse
