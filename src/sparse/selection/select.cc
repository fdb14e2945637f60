#include "sparse/selection/select.h"

#include <array>
#include <bit>
#include <functional>
#include <type_traits>

#include "gossamer/dispatch.h"
#include "gossamer/random.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "tensor/csr/stream.h"
#include "tensor/csr/walk.h"

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

// 0 < keep <= the number of scores.
template <class T>
Threshold<T> kth_largest(std::vector<T>& scores, int64_t keep) {
  const auto kth = scores.begin() + keep - 1;
  std::nth_element(scores.begin(), kth, scores.end(), std::greater<>());
  return {*kth, 1 + std::count(scores.begin(), kth, *kth)};
}

template <class T>
Threshold<T> threshold_of(std::vector<T>& scores, int64_t keep) {
  if (keep == 0) return {std::numeric_limits<T>::infinity(), 0};
  if (keep >= static_cast<int64_t>(scores.size())) return {T(-2), 0};
  return kth_largest(scores, keep);
}

// The threshold of all values, in slot order. Only values between two powers of two close to it are ranked.
template <class T>
Threshold<T> threshold_of_all(const T* v, int64_t n, int64_t keep) {
  if (keep == 0) return {std::numeric_limits<T>::infinity(), 0};
  if (keep >= n) return {T(-2), 0};
  // Magnitudes order as their bits do. Two tables: equal exponents would otherwise wait for each other's counts.
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  constexpr int kShift = sizeof(T) == 4 ? 20 : 52;
  constexpr size_t kBuckets = 2048;
  const auto bucket_of = [](T x) {
    return std::isnan(x) ? size_t{0} : static_cast<size_t>(std::bit_cast<Bits>(std::abs(x)) >> kShift);
  };
  constexpr int64_t kGrain = 4 * rt::kElementGrain;
  std::vector<std::array<uint32_t, 2 * kBuckets>> counts(static_cast<size_t>((n + kGrain - 1) / kGrain));
  rt::parallel_chunks(n, kGrain, [&](int64_t begin, int64_t end) {
    auto& count = counts[static_cast<size_t>(begin / kGrain)];
    for (int64_t i = begin; i < end; ++i) ++count[bucket_of(v[i]) + static_cast<size_t>(i) % 2 * kBuckets];
  });
  const auto in_bucket = [&](size_t chunk, size_t b) {
    return int64_t{counts[chunk][b]} + counts[chunk][b + kBuckets];
  };
  int64_t above = 0;
  size_t bucket = kBuckets;
  for (int64_t from = 0; from < keep;) {
    --bucket;
    above = from;
    for (size_t chunk = 0; chunk < counts.size(); ++chunk) from += in_bucket(chunk, bucket);
  }
  std::vector<T> ranked;
  for (int64_t begin = 0; begin < n; begin += kGrain) {
    if (in_bucket(static_cast<size_t>(begin / kGrain), bucket) == 0) continue;
    for (int64_t i = begin; i < std::min(n, begin + kGrain); ++i) {
      if (bucket_of(v[i]) == bucket) ranked.push_back(magnitude(v[i]));
    }
  }
  return kth_largest(ranked, keep - above);
}

// Of one group: blocks are counted first and then written in parallel.
template <class T>
Positions largest_of_all(const CsrPattern& pattern, const T* v, int64_t keep) {
  const Threshold<T> threshold = threshold_of_all(v, pattern.nnz(), keep);
  const CsrWalk sizes(pattern);
  struct Share {
    int64_t above = 0;
    int64_t ties = 0;
    int64_t begin = 0;  // of its positions
  };
  std::vector<Share> shares(static_cast<size_t>(sizes.blocks() + 1));
  parallel_runs(sizes.blocks(), [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      Share& share = shares[static_cast<size_t>(block)];
      for (int64_t s = sizes.slot_begin(block); s < sizes.slot_begin(block + 1); ++s) {
        share.above += magnitude(v[s]) > threshold.value;
        share.ties += magnitude(v[s]) == threshold.value;
      }
    }
  });
  int64_t ties = threshold.ties;
  for (size_t block = 0; block + 1 < shares.size(); ++block) {
    shares[block].ties = std::min(shares[block].ties, ties);
    ties -= shares[block].ties;
    shares[block + 1].begin = shares[block].begin + shares[block].above + shares[block].ties;
  }
  Positions kept(static_cast<size_t>(shares.back().begin));
  parallel_row_blocks(pattern, [&](const CsrWalk& walk, int64_t block) {
    const Share& share = shares[static_cast<size_t>(block)];
    int64_t left = share.ties;
    auto to = kept.begin() + share.begin;
    walk.for_each([&](const SlotPosition& p) {
      const T score = magnitude(v[p.slot]);
      if (score < threshold.value || (score == threshold.value && left-- <= 0)) return;
      *to++ = p.row * pattern.cols() + p.col;
    });
  });
  return kept;
}

}  // namespace

Positions largest_magnitudes(const CsrPattern& pattern, const Tensor& values, const Groups& groups, int64_t keep) {
  return dispatch_floating(values.dtype(), "largest_magnitudes", [&]<class T>() {
    const T* v = values.data<T>();
    if (groups.count() == 1) return largest_of_all(pattern, v, keep);
    std::vector<std::vector<T>> scores(static_cast<size_t>(groups.count()));
    pattern.for_each([&](const SlotPosition& p) {
      scores[static_cast<size_t>(groups.of(p.row, p.col))].push_back(magnitude(v[p.slot]));
    });
    std::vector<Threshold<T>> thresholds;
    thresholds.reserve(scores.size());
    for (auto& s : scores) thresholds.push_back(threshold_of(s, keep));
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

Positions lowest_absent(const Positions& present, int64_t k) {
  Positions chosen;
  chosen.reserve(static_cast<size_t>(k));
  auto next = present.begin();
  for (int64_t position = 0; static_cast<int64_t>(chosen.size()) < k; ++position) {
    if (next != present.end() && *next == position) {
      ++next;
    } else {
      chosen.push_back(position);
    }
  }
  return chosen;
}

TopologyChange change_to(const Parameter& parameter, Positions kept, Positions grown) {
  if (!std::ranges::is_sorted(grown)) std::ranges::sort(grown);
  const auto [rows, cols] = as_matrix(parameter.shape());
  std::vector<int64_t> row_ptr(static_cast<size_t>(rows + 1));
  std::vector<int32_t> col_idx(kept.size() + grown.size());
  // Merged straight into CSR: a merged list of positions would be the largest array of a whole update.
  parallel_runs(rows, [&, cols = cols](int64_t begin, int64_t end) {
    const auto from = [&](const Positions& positions, int64_t row) {
      return std::lower_bound(positions.begin(), positions.end(), row * cols);
    };
    auto k = from(kept, begin);
    auto g = from(grown, begin);
    const auto k_end = from(kept, end);
    const auto g_end = from(grown, end);
    auto to = col_idx.begin() + (k - kept.begin()) + (g - grown.begin());
    for (int64_t row = begin; row < end; ++row) {
      const int64_t row_end = (row + 1) * cols;
      const int64_t row_begin = row * cols;
      while (true) {
        const int64_t next_kept = k == k_end ? row_end : *k;
        const int64_t next_grown = g == g_end ? row_end : *g;
        const int64_t position = std::min(next_kept, next_grown);
        if (position >= row_end) break;
        k += next_kept == position;
        g += next_grown == position;
        *to++ = static_cast<int32_t>(position - row_begin);
      }
      row_ptr[static_cast<size_t>(row + 1)] = to - col_idx.begin();
    }
  });
  // Not from {}, an empty list of elements, which would leave the memory allocated.
  kept = Positions();
  grown = Positions();
  return {CsrPattern::create(rows, cols, row_ptr, col_idx)};
}

int64_t num_after_drop(float drop_fraction, int64_t nnz, int64_t groups) {
  if (std::isnan(drop_fraction)) fail<ConfigError>("drop_fraction", "it must be a number", "NaN");
  const float in_group = static_cast<float>(nnz) / static_cast<float>(groups);
  return static_cast<int64_t>((1 - std::clamp(drop_fraction, 0.0F, 1.0F)) * in_group);
}

}  // namespace gossamer::sparse
