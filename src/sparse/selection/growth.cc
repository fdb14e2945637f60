#include "sparse/selection/growth.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <iterator>
#include <limits>
#include <numeric>
#include <utility>

#include "gossamer/dispatch.h"
#include "runtime/parallel.h"

namespace gossamer::sparse {

namespace {

template <class T>
struct FloatBits;
template <>
struct FloatBits<float> {
  using Bits = uint32_t;
  static constexpr int kShift = 19;
};
template <>
struct FloatBits<double> {
  using Bits = uint64_t;
  static constexpr int kShift = 51;
};

// Of what is present: a NaN, above the bits of all finite magnitudes.
template <class T>
using BitsOf = typename FloatBits<T>::Bits;
template <class T>
constexpr BitsOf<T> kAbsBits = ~BitsOf<T>{0} >> 1;
template <class T>
constexpr BitsOf<T> kLargest = std::bit_cast<BitsOf<T>>(std::numeric_limits<T>::max());

// Calls f(i, bits of |x[i]|) for the elements of [begin, end) whose bits lie in [limit, kLargest].
template <class T, class F>
void for_each_above(const T* x, int64_t begin, int64_t end, uint64_t limit, F&& f) {
  using Bits = BitsOf<T>;
  if (limit > kLargest<T>) return;
  const auto low = static_cast<Bits>(limit);
  const auto span = static_cast<Bits>(kLargest<T> - low);
  const auto above = [&](int64_t i) {
    return static_cast<Bits>((std::bit_cast<Bits>(x[i]) & kAbsBits<T>)-low) <= span;
  };
  // Most runs hold none once a limit is known: a count without branches becomes vector code. In the others a branch for
  // each element would be mispredicted at every other hit.
  constexpr int64_t kRun = 32;
  std::array<uint8_t, kRun> hits;
  for (int64_t i = begin; i < end; i += kRun) {
    const int64_t n = std::min(kRun, end - i);
    if (n == kRun) {
      Bits found = 0;
      for (int64_t j = 0; j < kRun; ++j) found |= static_cast<Bits>(above(i + j));
      if (found == 0) continue;
    }
    size_t count = 0;
    for (int64_t j = 0; j < n; ++j) {
      hits[count] = static_cast<uint8_t>(j);
      count += static_cast<size_t>(above(i + j));
    }
    for (size_t h = 0; h < count; ++h) f(i + hits[h], std::bit_cast<Bits>(x[i + hits[h]]) & kAbsBits<T>);
  }
}

// A bucket that is likely to have somewhat more than k elements of x in it and above it: from one run in sixteen.
template <class T>
size_t guess_bucket(const T* x, int64_t n, int64_t k, size_t buckets) {
  constexpr int64_t kRun = 64;
  constexpr int64_t kStride = 16;
  std::vector<int64_t> count(buckets);
  for (int64_t i = 0; i < n; i += kRun * kStride) {
    for_each_above(x, i, std::min(n, i + kRun), 0,
                   [&](int64_t, BitsOf<T> bits) { ++count[bits >> FloatBits<T>::kShift]; });
  }
  const int64_t wanted = k / kStride + k / (8 * kStride) + 64;
  size_t bucket = buckets;
  for (int64_t from = 0; bucket > 0 && from < wanted;) from += count[--bucket];
  return bucket;
}

}  // namespace

GradientGrowth::GradientGrowth(const Positions& present, const Groups& groups, const std::vector<int64_t>& missing)
    : present_(present), groups_(groups) {
  if (groups.count() == 1) {
    k_ = std::max<int64_t>(missing[0], 0);
    histogram_.resize(kBuckets);
    return;
  }
  best_.reserve(missing.size());
  for (const int64_t k : missing) best_.emplace_back(std::max<int64_t>(k, 0));
}

void GradientGrowth::offer(int64_t row_begin, Tensor block) {
  dispatch_floating(block.dtype(), "growth by gradient", [&]<class T>() {
    if (groups_.count() == 1) {
      if (k_ > 0) offer_ungrouped<T>(row_begin * groups_.cols, block.mutable_data<T>(), block.numel());
      return;
    }
    const T* g = std::as_const(block).template data<T>();
    const int64_t first = row_begin * groups_.cols;
    for_each_absent(present_, groups_.cols, row_begin, row_begin + block.dim(0),
                    [&](int64_t row, int64_t col, int64_t at) {
                      best_[static_cast<size_t>(groups_.of(row, col))].offer(std::abs(g[at - first]), at);
                    });
  });
}

template <class T>
void GradientGrowth::offer_ungrouped(int64_t first, T* block, int64_t n) {
  shift_ = FloatBits<T>::kShift;
  constexpr int64_t kTasks = 16;
  const int64_t grain = std::max<int64_t>(rt::kElementGrain, (n + kTasks - 1) / kTasks);
  const int64_t tasks = (n + grain - 1) / grain;
  rt::parallel_for(tasks, [&](int64_t task) {
    const int64_t end = first + std::min(n, (task + 1) * grain);
    for (auto p = std::ranges::lower_bound(present_, first + task * grain); p != present_.end() && *p < end; ++p) {
      block[*p - first] = std::numeric_limits<T>::quiet_NaN();
    }
  });
  std::vector<std::vector<uint32_t>> counts(static_cast<size_t>(tasks));
  const auto count_from = [&](uint64_t limit) {
    rt::parallel_for(tasks, [&](int64_t task) {
      // Two histograms: runs of equal exponents would otherwise wait for each other's sums.
      std::vector<uint32_t> count(2 * kBuckets);
      for_each_above(block, task * grain, std::min(n, (task + 1) * grain), limit, [&](int64_t i, BitsOf<T> bits) {
        ++count[(bits >> FloatBits<T>::kShift) + (static_cast<size_t>(i) % 2) * kBuckets];
      });
      for (size_t b = 0; b < kBuckets; ++b) count[b] += count[b + kBuckets];
      count.resize(kBuckets);
      counts[static_cast<size_t>(task)] = std::move(count);
    });
    int64_t sum = 0;
    for (const auto& count : counts) sum += std::accumulate(count.begin(), count.end(), int64_t{0});
    return sum;
  };
  if (limit_ == 0) {
    // k elements from the guess on prove that all below it are out.
    const uint64_t guess = uint64_t{guess_bucket(block, n, k_, kBuckets)} << shift_;
    if (count_from(guess) >= k_) {
      limit_ = guess;
    } else if (guess > 0) {
      count_from(0);
    }
  } else {
    count_from(limit_);
  }
  for (const auto& count : counts) {
    for (size_t b = 0; b < kBuckets; ++b) histogram_[b] += count[b];
  }
  limit_ = std::max(limit_, uint64_t{kth_bucket().bucket} << shift_);
  const size_t limit_bucket = limit_ >> shift_;

  std::vector<int64_t> offsets{static_cast<int64_t>(bits_.size())};
  for (const auto& count : counts) {
    int64_t sum = 0;
    for (size_t b = limit_bucket; b < kBuckets; ++b) sum += count[b];
    offsets.push_back(offsets.back() + sum);
  }
  bits_.resize(static_cast<size_t>(offsets.back()));
  positions_.resize(static_cast<size_t>(offsets.back()));
  rt::parallel_for(tasks, [&](int64_t task) {
    auto at = static_cast<size_t>(offsets[static_cast<size_t>(task)]);
    for_each_above(block, task * grain, std::min(n, (task + 1) * grain), limit_, [&](int64_t i, BitsOf<T> bits) {
      bits_[at] = bits;
      positions_[at++] = first + i;
    });
  });
  // Room for k more makes each candidate pay for a constant share of a cut.
  if (static_cast<int64_t>(bits_.size()) > 2 * k_ + 4096) cut();
}

GradientGrowth::KthBucket GradientGrowth::kth_bucket() const {
  size_t bucket = kBuckets;
  int64_t from = 0;
  while (bucket > 0 && from < k_) from += histogram_[--bucket];
  return {bucket, from - (bucket == kBuckets ? 0 : histogram_[bucket])};
}

void GradientGrowth::cut() {
  if (static_cast<int64_t>(bits_.size()) <= k_) return;
  const KthBucket at = kth_bucket();
  std::vector<uint64_t> ranked;
  std::ranges::copy_if(bits_, std::back_inserter(ranked), [&](uint64_t bits) { return bits >> shift_ == at.bucket; });
  const auto kth = ranked.begin() + (k_ - at.above - 1);
  std::nth_element(ranked.begin(), kth, ranked.end(), std::greater<>());
  const uint64_t threshold = *kth;
  int64_t ties = 1 + std::count(ranked.begin(), kth, threshold);
  size_t kept = 0;
  std::ranges::fill(histogram_, 0);
  for (size_t i = 0; i < bits_.size(); ++i) {
    if (bits_[i] < threshold || (bits_[i] == threshold && ties-- <= 0)) continue;
    bits_[kept] = bits_[i];
    positions_[kept++] = positions_[i];
    ++histogram_[bits_[i] >> shift_];
  }
  bits_.resize(kept);
  positions_.resize(kept);
  // Later positions lose a tie.
  limit_ = threshold + 1;
}

Positions GradientGrowth::take() {
  if (groups_.count() == 1) {
    cut();
    bits_ = std::vector<uint64_t>();
    return std::exchange(positions_, {});
  }
  Positions chosen;
  for (TopK& top : best_) top.take(chosen);
  std::ranges::sort(chosen);
  return chosen;
}

}  // namespace gossamer::sparse
