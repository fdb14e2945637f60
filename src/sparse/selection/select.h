// Choosing connections: exact, deterministic, ties to the lower row-major position, NaN below every number.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/parameter.h"

namespace gossamer::sparse {

// Positions are row-major: row * cols + col. Lists of positions are ascending.
using Positions = std::vector<int64_t>;

// A partition of a matrix into equal runs of rows (out) or columns (in), each with its own count of connections.
struct Groups {
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t out = 1;
  int64_t in = 1;

  int64_t count() const { return out * in; }
  int64_t size() const { return rows * cols / count(); }
  int64_t of(int64_t row, int64_t col) const {
    if (count() == 1) return 0;
    return row / (rows / out) * in + col / (cols / in);
  }
};

// The k largest of a stream of (score, position), in O(stream + k) time and O(k) memory.
class TopK {
 public:
  explicit TopK(int64_t k) : k_(static_cast<size_t>(k)), capacity_(k_ + k_ / 4 + 1024) {}

  void offer(double score, int64_t position) {
    if (std::isnan(score)) score = -std::numeric_limits<double>::infinity();
    const Entry entry{score, position};
    if (k_ == 0 || (full_ && !before(entry, worst_))) return;
    if (entries_.capacity() == 0) entries_.reserve(capacity_);
    entries_.push_back(entry);
    // A quarter of slack makes each entry pay for a constant share of a selection, and keeps the memory near k.
    if (entries_.size() == capacity_) cut();
  }

  // Appends the chosen positions, in no order, and empties the selection.
  void take(Positions& positions) {
    if (entries_.size() > k_) cut();
    for (const Entry& entry : entries_) positions.push_back(entry.position);
    entries_ = std::vector<Entry>();
  }

 private:
  struct Entry {
    double score;
    int64_t position;
  };
  static bool before(const Entry& a, const Entry& b) {
    return a.score > b.score || (a.score == b.score && a.position < b.position);
  }
  void cut() {
    const auto kth = entries_.begin() + static_cast<std::ptrdiff_t>(k_) - 1;
    std::nth_element(entries_.begin(), kth, entries_.end(), before);
    worst_ = *kth;
    full_ = true;
    entries_.resize(k_);
  }

  size_t k_;
  size_t capacity_;
  bool full_ = false;
  Entry worst_{};
  std::vector<Entry> entries_;
};

// The connections of largest magnitude: at most `keep` in each group.
Positions largest_magnitudes(const CsrPattern& pattern, const Tensor& values, const Groups& groups, int64_t keep);

// Calls f(row, col, position) for the positions of rows [row_begin, row_end) that are not in `present`.
template <class F>
void for_each_absent(const Positions& present, int64_t cols, int64_t row_begin, int64_t row_end, F&& f) {
  auto next = std::lower_bound(present.begin(), present.end(), row_begin * cols);
  for (int64_t row = row_begin; row < row_end; ++row) {
    for (int64_t col = 0; col < cols; ++col) {
      const int64_t position = row * cols + col;
      if (next != present.end() && *next == position) {
        ++next;
      } else {
        f(row, col, position);
      }
    }
  }
}

// k positions of [0, n) that are not in `present`, at random without replacement, in O(present + k).
Positions random_absent(const Positions& present, int64_t n, int64_t k, uint64_t key);

// The k lowest positions that are not in `present`, in O(present + k).
Positions lowest_absent(const Positions& present, int64_t k);

// The change of a parameter to the union of two disjoint lists, the second in any order; both are used up.
TopologyChange change_to(const Parameter& parameter, Positions kept, Positions grown);

// Kept by a drop: int((1 - drop_fraction) * (nnz / groups)), in float32, with drop_fraction clamped to [0, 1].
// ConfigError for NaN.
int64_t num_after_drop(float drop_fraction, int64_t nnz, int64_t groups);

}  // namespace gossamer::sparse
