#include "tensor/arith.h"

#include <atomic>
#include <type_traits>

#include "kernels/elementwise.h"
#include "kernels/reference/elementwise.h"
#include "runtime/parallel.h"
#include "tensor/dispatch.h"
#include "tensor/tiles.h"

namespace gossamer {

void add_into(Tensor& sum, const Tensor& x) {
  const ConstBatch<float> from_tiles = TensorTiles::get(x);
  // Not where rows exist: they would go, and somebody may hold a pointer to them.
  if (from_tiles.width != 0 && from_tiles.width == TensorTiles::width(sum) && !TensorTiles::has_rows(sum)) {
    const Batch<float> to = TensorTiles::open(sum);
    rt::parallel_chunks(to.padded(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      kernels::axpy(end - begin, 1, from_tiles.data + begin, to.data + begin);
    });
    return;
  }
  dispatch_floating(sum.dtype(), "add_into", [&]<class T>() {
    T* to = sum.mutable_data<T>();
    const T* from = x.data<T>();
    rt::parallel_chunks(sum.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      if constexpr (std::is_same_v<T, float>) {
        kernels::axpy(end - begin, 1, from + begin, to + begin);
      } else {
        kernels::reference::axpy(end - begin, T(1), from + begin, to + begin);
      }
    });
  });
}

bool all_finite(const Tensor& x) {
  return dispatch_floating(x.dtype(), "all_finite", [&]<class T>() {
    const T* data = x.data<T>();
    std::atomic<bool> finite{true};
    rt::parallel_chunks(x.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      bool chunk_finite;
      if constexpr (std::is_same_v<T, float>) {
        chunk_finite = kernels::all_finite(end - begin, data + begin);
      } else {
        chunk_finite = kernels::reference::all_finite(end - begin, data + begin);
      }
      if (!chunk_finite) finite.store(false, std::memory_order_relaxed);
    });
    return finite.load();
  });
}

}  // namespace gossamer
