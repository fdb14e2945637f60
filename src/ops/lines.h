// Moving elements along one dimension: pieces of lines, in parallel.
#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/parallel.h"

namespace gossamer {

// Calls f(line, begin, end) in parallel for pieces [begin, end) of `lines` lines of n entries each, which are equal
// work if each entry is as much as `weight` elements.
template <class F>
void parallel_lines(int64_t lines, int64_t n, int64_t weight, F&& f) {
  if (lines == 0 || n == 0 || weight == 0) return;
  const int64_t piece = std::clamp<int64_t>(rt::kElementGrain / weight, 1, n);
  const int64_t pieces = (n + piece - 1) / piece;
  const int64_t grain = rt::grain_of(piece, weight);
  rt::parallel_chunks(lines * pieces, grain, [&](int64_t first, int64_t last) {
    int64_t line = first / pieces;
    int64_t begin = first % pieces * piece;
    for (int64_t i = first; i < last; ++i) {
      f(line, begin, std::min(n, begin + piece));
      begin += piece;
      if (begin >= n) {
        begin = 0;
        ++line;
      }
    }
  });
}

// to[i] = from[i]: a call of memmove for a few elements costs more than the copy.
template <class T>
void copy_run(const T* from, int64_t n, T* to) {
  if (n >= 8) {
    std::copy_n(from, n, to);
    return;
  }
  for (int64_t i = 0; i < n; ++i) to[i] = from[i];
}

}  // namespace gossamer
