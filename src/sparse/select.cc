#include "sparse/select.h"

#include <functional>

#include "gossamer/random.h"
#include "runtime/check.h"
#include "tensor/dispatch.h"

namespace gossamer::sparse {

namespace {

// What is kept of one group: all above the threshold, and the first `ties` of those equal to it.
template <class T>
struct Threshold {
  T value = -1;  // magnitudes are at least 0
  int64_t ties = 0;
};

template <class T>
T magnitude(T x) {
  return std::isnan(x) ? T(-1) : std::abs(x);
}

template <class T>
Threshold<T> threshold_of(std::vector<T>& scores, int64_t keep) {
  if (keep == 0) return {std::numeric_limits<T>::infinity(), 0};
  if (keep >= static_cast<int64_t>(scores.size())) return {T(-2), 0};
  const auto kth = scores.begin() + keep - 1;
  std::nth_element(scores.begin(), kth, scores.end(), std::greater<>());
  return {*kth, 1 + std::count(scores.begin(), kth, *kth)};
}

}  // namespace

Positions largest_magnitudes(const CsrPattern& pattern, const Tensor& values, const Groups& groups, int64_t keep) {
  return dispatch_floating(values.dtype(), "largest_magnitudes", [&]<class T>() {
    const T* v = values.data<T>();
    std::vector<Threshold<T>> thresholds;
    {
      std::vector<std::vector<T>> scores(static_cast<size_t>(groups.count()));
      if (groups.count() == 1) {
        scores[0].resize(static_cast<size_t>(pattern.nnz()));
        std::transform(v, v + pattern.nnz(), scores[0].begin(), magnitude<T>);
      } else {
        pattern.for_each([&](const SlotPosition& p) {
          scores[static_cast<size_t>(groups.of(p.row, p.col))].push_back(magnitude(v[p.slot]));
        });
      }
      for (auto& s : scores) thresholds.push_back(threshold_of(s, keep));
    }
    Positions kept;
    kept.reserve(static_cast<size_t>(std::min(pattern.nnz(), keep * groups.count())));
    pattern.for_each([&](const SlotPosition& p) {
      Threshold<T>& threshold = thresholds[static_cast<size_t>(groups.of(p.row, p.col))];
      const T score = magnitude(v[p.slot]);
      if (score < threshold.value || (score == threshold.value && threshold.ties-- <= 0)) return;
      kept.push_back(p.row * pattern.cols() + p.col);
    });
    return kept;
  });
}

Positions random_absent(const Positions& present, int64_t n, int64_t k, uint64_t key) {
  Positions chosen = sample_without_replacement(key, n - static_cast<int64_t>(present.size()), k);
  // The sample numbers the absent positions; those present below shift each of them up.
  size_t below = 0;
  for (int64_t& rank : chosen) {
    while (below < present.size() && present[below] - static_cast<int64_t>(below) <= rank) ++below;
    rank += static_cast<int64_t>(below);
  }
  return chosen;
}

TopologyChange change_to(const Parameter& parameter, Positions kept, Positions grown) {
  std::sort(grown.begin(), grown.end());
  const auto [rows, cols] = as_matrix(parameter.shape());
  std::vector<int64_t> row_ptr(static_cast<size_t>(rows + 1));
  std::vector<int32_t> col_idx;
  col_idx.reserve(kept.size() + grown.size());
  // Merged straight into CSR: a merged list of positions would be the largest array of a whole update.
  auto k = kept.begin();
  auto g = grown.begin();
  while (k != kept.end() || g != grown.end()) {
    const bool from_kept = g == grown.end() || (k != kept.end() && *k < *g);
    const int64_t position = from_kept ? *k++ : *g++;
    ++row_ptr[static_cast<size_t>(position / cols + 1)];
    col_idx.push_back(static_cast<int32_t>(position % cols));
  }
  for (size_t row = 1; row < row_ptr.size(); ++row) row_ptr[row] += row_ptr[row - 1];
  kept = {};
  grown = {};
  auto pattern = CsrPattern::create(rows, cols, row_ptr, col_idx);
  col_idx = {};
  return TopologyChange::between(*parameter.topology(), std::move(pattern));
}

int64_t num_after_drop(float drop_fraction, int64_t nnz, int64_t groups) {
  if (std::isnan(drop_fraction)) fail<ConfigError>("drop_fraction", "it must be a number", "NaN");
  const float in_group = static_cast<float>(nnz) / static_cast<float>(groups);
  return static_cast<int64_t>((1 - std::clamp(drop_fraction, 0.0F, 1.0F)) * in_group);
}

}  // namespace gossamer::sparse
