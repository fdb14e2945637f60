#include "gossamer/sparse/prune.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "gossamer/sparse/algorithm.h"
#include "runtime/check.h"
#include "runtime/log.h"
#include "runtime/parallel.h"
#include "sparse/global.h"
#include "sparse/select.h"
#include "tensor/dispatch.h"

namespace gossamer::sparse {

namespace {

constexpr const char* kOp = "prune";

void check(const std::vector<Parameter>& parameters, const PruneOptions& options) {
  const auto check_sparsity = [](const std::string& of, double sparsity) {
    if (sparsity >= 0 && sparsity < 1) return;
    fail<ConfigError>(kOp, fmt::format("the sparsity{} must be at least 0 and below 1", of),
                      fmt::format("{}", sparsity));
  };
  check_sparsity("", options.sparsity);
  if (options.scope == PruneScope::Global && !options.sparsities.empty()) {
    fail<ConfigError>(kOp, "the scope Global has one sparsity for all", "sparsities by name", "give .sparsity");
  }
  for (const auto& [name, sparsity] : options.sparsities) {
    check_sparsity(fmt::format(" of '{}'", name), sparsity);
    if (std::ranges::none_of(parameters, [&, &wanted = name](const Parameter& p) { return p.name() == wanted; })) {
      fail<ConfigError>(kOp, "sparsities must name the parameters", fmt::format("'{}' is none of them", name));
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
  std::vector<Parameter> pruned;
  std::vector<Tensor> all_scores;
  int64_t elements = 0;
  for (const Parameter& p : parameters) {
    if (p.requires_dense()) continue;
    all_scores.push_back(checked_scores(kOp, p, scores));
    pruned.push_back(p);
    elements += p.numel();
  }
  std::vector<int64_t> share;
  if (options.scope == PruneScope::Global) {
    share = share_of_highest(all_scores, num_kept(static_cast<float>(options.sparsity), elements));
  }
  for (size_t i = 0; i < pruned.size(); ++i) {
    const Parameter& p = pruned[i];
    const MatrixSize size = as_matrix(p.shape());
    const int64_t rows = options.scope == PruneScope::Row ? size.rows : 1;
    const Groups groups{.rows = size.rows, .cols = size.cols, .out = rows};
    int64_t keep = 0;
    if (options.scope == PruneScope::Global) {
      keep = share[i];
    } else {
      const auto own = options.sparsities.find(p.name());
      const double sparsity = own == options.sparsities.end() ? options.sparsity : own->second;
      keep = num_kept(static_cast<float>(sparsity), p.numel() / std::max<int64_t>(rows, 1));
    }
    Positions kept = largest_magnitudes(*p.topology(), all_scores[i], groups, keep);
    all_scores[i] = {};
    if (kept.empty() && p.numel() > 0) {
      rt::log(LogLevel::Warning, fmt::format("prune leaves '{}' without a connection", p.name()));
    }
    p.apply(change_to(p, std::move(kept), {}));
  }
}

void snip(const std::vector<Parameter>& parameters, double sparsity) {
  prune(parameters, saliency_scores, {.sparsity = sparsity, .scope = PruneScope::Global});
}

}  // namespace gossamer::sparse
