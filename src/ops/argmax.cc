// Index of the largest element along a dimension.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "gossamer/ops/reduce.h"
#include "ops/check.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "tensor/dispatch.h"

namespace gossamer {

Tensor argmax(const Tensor& x, int dim) {
  constexpr const char* kOp = "argmax";
  check_defined(kOp, x);
  const int normalized = normalize_dim(kOp, x.shape(), dim);
  const Axis axis = axis_of(x.shape(), normalized);
  if (axis.size == 0) {
    fail<ShapeError>(kOp, "the dimension must have elements",
                     fmt::format("dimension {} of {}", normalized, x.shape().to_string()));
  }
  std::vector<int64_t> sizes(x.shape().begin(), x.shape().end());
  sizes.erase(sizes.begin() + normalized);
  Tensor out = Tensor::empty(Shape(sizes), DType::i64);
  dispatch_all(x.dtype(), [&]<class T>() {
    const T* const from = x.data<T>();
    int64_t* const to = out.mutable_data<int64_t>();
    const int64_t grain = std::max<int64_t>(1, rt::kElementGrain / axis.size);
    rt::parallel_chunks(axis.outer * axis.inner, grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const T* const line = from + i / axis.inner * axis.size * axis.inner + i % axis.inner;
        int64_t best = 0;
        for (int64_t k = 1; k < axis.size; ++k) {
          const T candidate = line[k * axis.inner];
          const T top = line[best * axis.inner];
          // The first NaN wins over all numbers.
          if (top == top && (candidate > top || candidate != candidate)) best = k;
        }
        to[i] = best;
      }
    });
  });
  return out;
}

}  // namespace gossamer
