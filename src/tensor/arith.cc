#include "tensor/arith.h"

#include <atomic>
#include <cmath>

#include "runtime/parallel.h"
#include "tensor/dispatch.h"

namespace gossamer {

void add_into(Tensor& sum, const Tensor& x) {
  dispatch_floating(sum.dtype(), "add_into", [&]<class T>() {
    T* to = sum.mutable_data<T>();
    const T* from = x.data<T>();
    rt::parallel_chunks(sum.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i] += from[i];
    });
  });
}

bool all_finite(const Tensor& x) {
  return dispatch_floating(x.dtype(), "all_finite", [&]<class T>() {
    const T* data = x.data<T>();
    std::atomic<bool> finite{true};
    rt::parallel_chunks(x.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      // x - x is 0 for finite x and NaN otherwise; the sum
      // of zeros vectorizes where a branch would not.
      T zero = 0;
      for (int64_t i = begin; i < end; ++i) zero += data[i] - data[i];
      if (!(zero == 0)) finite.store(false, std::memory_order_relaxed);
    });
    return finite.load();
  });
}

}  // namespace gossamer
