// The streaming order of a canonical CSR matrix: row blocks, column panels and segments.
#include "tensor/csr/stream.h"

#include <vector>

#include "runtime/parallel.h"
#include "tensor/csr/build.h"

namespace gossamer {

namespace {
template <class T>
int64_t bytes_of(const std::vector<T>& v) {
  return static_cast<int64_t>(v.size() * sizeof(T));
}
}  // namespace

int64_t StreamPlan::bytes() const {
  return bytes_of(segment_begin) + bytes_of(slot_begin) + bytes_of(segments) + bytes_of(col) + bytes_of(source32) +
         bytes_of(source64);
}

template <class T>
void StreamPlan::gather_values(const T* values, T* values_t) const {
  rt::parallel_chunks(nnz(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
    if (!source32.empty()) {
      for (int64_t s = begin; s < end; ++s) values_t[s] = values[source32[static_cast<size_t>(s)]];
    } else {
      for (int64_t s = begin; s < end; ++s) values_t[s] = values[source64[static_cast<size_t>(s)]];
    }
  });
}
template void StreamPlan::gather_values(const float*, float*) const;
template void StreamPlan::gather_values(const double*, double*) const;

StreamPlan build_stream(int64_t rows, int64_t cols, std::span<const int64_t> row_ptr,
                        std::span<const int32_t> col_idx) {
  return build_plan(rows, cols, row_ptr, col_idx, [](int64_t, int32_t) {});
}

kernels::CsrStream CsrPatternAccess::stream(const CsrPattern& pattern) { return pattern.stream_->view(); }

}  // namespace gossamer
