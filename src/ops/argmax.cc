// Index of the largest or smallest element.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "gossamer/block_allocator.h"
#include "gossamer/dispatch.h"
#include "gossamer/ops/reduce.h"
#include "ops/check.h"
#include "runtime/check.h"
#include "runtime/parallel.h"

namespace gossamer {

namespace {

// Whether a candidate with a higher index replaces the best one so far. NaN wins over all numbers.
template <bool kLargest, bool kLast, class T>
bool replaces(T candidate, T best) {
  if (best != best) return kLast && candidate != candidate;
  const bool beyond = kLargest ? candidate > best : candidate < best;
  return beyond || candidate != candidate || (kLast && candidate == best);
}

// Columns [0, width) of lines that are `inner` apart: all walked together, since neighbours share cache lines.
template <bool kLargest, bool kLast, class T>
void index_of_best(const T* x, const Axis& axis, int64_t width, int64_t* to) {
  constexpr int64_t kWidth = 64;
  std::array<T, kWidth> best;
  for (int64_t first = 0; first < width; first += kWidth) {
    const int64_t n = std::min(kWidth, width - first);
    const T* row = x + first;
    std::copy_n(row, n, best.data());
    std::fill_n(to + first, n, 0);
    for (int64_t k = 1; k < axis.size; ++k) {
      row += axis.inner;
      for (int64_t i = 0; i < n; ++i) {
        if (!replaces<kLargest, kLast>(row[i], best[static_cast<size_t>(i)])) continue;
        best[static_cast<size_t>(i)] = row[i];
        to[first + i] = k;
      }
    }
  }
}

// The same for a best that is not NaN, without a branch.
template <bool kLargest, bool kLast, class T>
bool replaces_number(T candidate, T best) {
  if constexpr (kLargest) return kLast ? !(candidate < best) : !(candidate <= best);
  return kLast ? !(candidate > best) : !(candidate >= best);
}

// Along one contiguous line. Blocks in which nothing replaces the best are passed over by a loop that vectorizes.
template <bool kLargest, bool kLast, class T>
int64_t index_of_best(const T* x, int64_t n) {
  constexpr int64_t kBlock = 64;
  int64_t best = 0;
  for (int64_t first = 1; first < n; first += kBlock) {
    const T top = x[best];
    const int64_t end = std::min(n, first + kBlock);
    if (end - first == kBlock && top == top) {
      int any = 0;
      for (int64_t i = 0; i < kBlock; ++i) any |= replaces_number<kLargest, kLast>(x[first + i], top) ? 1 : 0;
      if (any == 0) continue;
    }
    for (int64_t i = first; i < end; ++i) {
      if (replaces<kLargest, kLast>(x[i], x[best])) best = i;
    }
  }
  return best;
}

template <bool kLargest, bool kLast, class T>
void index_of_best_lines(const T* x, const Axis& axis, int64_t begin, int64_t end, int64_t* to) {
  while (begin < end) {
    const int64_t col = begin % axis.inner;
    const int64_t width = std::min(axis.inner - col, end - begin);
    const T* const first = x + begin / axis.inner * axis.size * axis.inner + col;
    if (axis.inner == 1) {
      to[begin] = index_of_best<kLargest, kLast>(first, axis.size);
    } else {
      index_of_best<kLargest, kLast>(first, axis, width, to + begin);
    }
    begin += width;
  }
}

template <bool kLargest>
Tensor index_of(const char* op, const Tensor& x, const ArgReduceOptions& options) {
  check_defined(op, x);
  Axis axis{1, x.numel(), 1};
  if (!options.dim && x.numel() == 0) fail<ShapeError>(op, "there must be elements", x.shape().to_string());
  BlockVector<int64_t> sizes(x.shape().begin(), x.shape().end());
  if (options.dim) {
    const int dim = normalize_dim(op, x.shape(), *options.dim);
    axis = axis_of(x.shape(), dim);
    if (axis.size == 0) {
      fail<ShapeError>(op, "the dimension must have elements",
                       fmt::format("dimension {} of {}", dim, x.shape().to_string()));
    }
    sizes[static_cast<size_t>(dim)] = 1;
    if (!options.keepdim) sizes.erase(sizes.begin() + dim);
  } else if (options.keepdim) {
    std::fill(sizes.begin(), sizes.end(), 1);
  } else {
    sizes.clear();
  }
  Tensor out = Tensor::empty(Shape(sizes), DType::i64);
  dispatch_all(x.dtype(), [&]<class T>() {
    const T* const from = x.data<T>();
    int64_t* const to = out.mutable_data<int64_t>();
    const int64_t grain = rt::grain_of(axis.size);
    rt::parallel_chunks(axis.outer * axis.inner, grain, [&](int64_t begin, int64_t end) {
      if (options.select_last) {
        index_of_best_lines<kLargest, true>(from, axis, begin, end, to);
      } else {
        index_of_best_lines<kLargest, false>(from, axis, begin, end, to);
      }
    });
  });
  return out;
}

}  // namespace

Tensor argmax(const Tensor& x, const ArgReduceOptions& options) { return index_of<true>("argmax", x, options); }
Tensor argmin(const Tensor& x, const ArgReduceOptions& options) { return index_of<false>("argmin", x, options); }

}  // namespace gossamer
