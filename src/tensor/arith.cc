#include "tensor/arith.h"

#include <atomic>

#include "gossamer/dispatch.h"
#include "kernels/reduce.h"
#include "kernels/update.h"
#include "runtime/parallel.h"
#include "runtime/processes.h"
#include "tensor/layout.h"

namespace gossamer {

namespace {

// Rows where rows of the sum exist: they would go, and a pointer to them may be held.
Layout layout_of_sum(const Tensor& sum, const Tensor& x) {
  return TensorTiles::has_rows(sum) ? Layout::rows() : Layout::common(sum, x);
}

}  // namespace

void prepare_add(const Tensor& sum, const Tensor& x) {
  const Layout layout = layout_of_sum(sum, x);
  dispatch_floating(sum.dtype(), "prepare_add", [&]<class T>() {
    layout.read<T>(x);
    layout.read<T>(sum);
  });
}

void add_into(Tensor& sum, const Tensor& x) {
  const Layout layout = layout_of_sum(sum, x);
  dispatch_floating(sum.dtype(), "add_into", [&]<class T>() {
    const ConstBatch<T> from = layout.read<T>(x);
    const Batch<T> to = layout.write<T>(sum);
    rt::parallel_chunks(to.padded(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      kernels::axpy(end - begin, 1, from.data + begin, to.data + begin);
    });
  });
}

void make_rows(const Tensor& x) {
  dispatch_all(x.dtype(), [&]<class T>() { x.data<T>(); });
}

bool all_finite(const Tensor& x) {
  return dispatch_floating(x.dtype(), "all_finite", [&]<class T>() {
    const T* data = x.data<T>();
    std::atomic<bool> finite{true};
    rt::parallel_chunks(x.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      if (!kernels::all_finite(end - begin, data + begin)) finite.store(false, std::memory_order_relaxed);
    });
    return rt::all_processes(finite.load());
  });
}

}  // namespace gossamer
