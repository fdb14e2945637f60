// Sums of the gradient of a CSR weight over parts of a batch.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/stream.h"
#include "ops/csr/tiles.h"
#include "runtime/parallel.h"

namespace gossamer {

// Gradients of the parts of a batch, which are added up in order: the same bits for any number of threads.
template <class T>
class PartSums {
 public:
  // As many parts as there may be of `tiles_per_part` tiles: few sums are as large as the gradient itself.
  static int64_t parts(const kernels::CsrStream& w, int64_t tiles, int64_t tiles_per_part) {
    constexpr int64_t kElements = int64_t{1} << 20;
    const int64_t most = 1 + kElements / std::max<int64_t>(1, w.nnz());
    return std::clamp<int64_t>(std::min(tiles / tiles_per_part, most), 1, kTasks);
  }

  PartSums(const kernels::CsrStream& w, int64_t parts, T* grad)
      : nnz_(w.nnz()), parts_(parts), grad_(grad), sums_(static_cast<size_t>((parts - 1) * nnz_)) {}

  T* of(int64_t part) { return part == 0 ? grad_ : sums_.data() + (part - 1) * nnz_; }

  void add_up() {
    if (parts_ == 1) return;
    rt::parallel_chunks(nnz_, rt::kElementGrain, [&](int64_t begin, int64_t end) {
      for (int64_t part = 1; part < parts_; ++part) {
        const T* const from = of(part);
        for (int64_t slot = begin; slot < end; ++slot) grad_[slot] += from[slot];
      }
    });
  }

 private:
  int64_t nnz_;
  int64_t parts_;
  T* grad_;
  std::vector<T> sums_;  // of all parts but the first
};

}  // namespace gossamer
