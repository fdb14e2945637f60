#include "sparse/selection/connection_scores.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "gossamer/dispatch.h"
#include "runtime/check.h"

namespace gossamer::sparse {

namespace {

// Calls f(score) for each element of an array, NaN as -1.
template <class F>
void for_each_score(const Tensor& scores, F&& f) {
  dispatch_floating(scores.dtype(), "scores", [&]<class T>() {
    for (const T score : scores.span<T>()) f(std::isnan(score) ? -1.0 : static_cast<double>(score));
  });
}

}  // namespace

Tensor checked_scores(const char* op, const Parameter& p, const ConnectionScores& score) {
  if (!score) fail<ConfigError>(op, "scores must be callable", "an empty function");
  Tensor scores = score(p);
  if (!scores.defined() || scores.numel() != p.nnz()) {
    fail<ShapeError>(op, fmt::format("'{}' must have {} scores, one per connection", p.name(), p.nnz()),
                     scores.defined() ? scores.shape().to_string() : "an undefined tensor");
  }
  dispatch_floating(scores.dtype(), op, [&]<class T>() {
    const auto all = scores.span<T>();
    const auto negative = std::ranges::find_if(all, [](T s) { return s < 0; });
    if (negative != all.end()) {
      fail<ConfigError>(op, fmt::format("scores of '{}' must be at least 0", p.name()), fmt::format("{}", *negative));
    }
  });
  return scores;
}

std::vector<int64_t> share_of_highest(const std::vector<Tensor>& scores, int64_t keep) {
  std::vector<int64_t> share(scores.size());
  int64_t total = 0;
  for (size_t i = 0; i < scores.size(); ++i) total += share[i] = scores[i].numel();
  if (keep >= total) return share;
  std::ranges::fill(share, 0);
  if (keep == 0) return share;
  std::vector<double> all;
  all.reserve(static_cast<size_t>(total));
  for (const Tensor& s : scores) for_each_score(s, [&](double score) { all.push_back(score); });
  const auto kth = all.begin() + (keep - 1);
  std::nth_element(all.begin(), kth, all.end(), std::greater<>());
  const double threshold = *kth;
  int64_t ties = 1 + std::count(all.begin(), kth, threshold);
  for (size_t i = 0; i < scores.size(); ++i) {
    int64_t equal = 0;
    for_each_score(scores[i], [&](double score) {
      share[i] += score > threshold;
      equal += score == threshold;
    });
    const int64_t taken = std::min(equal, ties);
    share[i] += taken;
    ties -= taken;
  }
  return share;
}

}  // namespace gossamer::sparse
