// Elements chosen, and added up, by their numbers. Indices are i64 or i32 (DTypeError) in [0, size of the dimension):
// another throws IndexError naming its position and value. Any dtype; floating ones carry gradients. Dimensions count
// from the end where they are negative. What meets at one place is taken in the order of the indices, so that results
// are the same bits for any number of threads.
#pragma once

#include <cstdint>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

// Slices indices[0], indices[1], ... of a dimension, which is then as long as the indices [n].
[[nodiscard]] Tensor index_select(const Tensor& x, int dim, const Tensor& indices);

// result[i][j] = x[index[i][j]][j] for dim = 0, and so on for any rank: the shape is that of `index`, which has the
// rank of x and no size larger than x has but for that of `dim` (ShapeError). As torch.gather.
[[nodiscard]] Tensor gather(const Tensor& x, int dim, const Tensor& index);

// x with source[i][j] added to element [index[i][j]][j] for dim = 0, and so on for any rank: a copy. Index as for
// gather; the source has its shape (ShapeError). f32 or f64. As torch.scatter_add.
[[nodiscard]] Tensor scatter_add(const Tensor& x, int dim, const Tensor& index, const Tensor& source);

// The same with elements replaced, not added; of several for one place the last one stays, and takes the gradient. As
// torch.scatter.
[[nodiscard]] Tensor scatter(const Tensor& x, int dim, const Tensor& index, const Tensor& source);

// The elements of x where the bool mask (DTypeError) is true, in row-major order: [number of them]. Both broadcast
// (ShapeError). As torch.masked_select.
[[nodiscard]] Tensor masked_select(const Tensor& x, const Tensor& mask);

struct OneHotOptions {
  int64_t classes = 0;  // at least 1 where there are indices
  DType dtype = DType::f32;
};
// [...] indices -> [..., classes]: 1 at the index, 0 elsewhere. As torch.nn.functional.one_hot.
[[nodiscard]] Tensor one_hot(const Tensor& indices, const OneHotOptions& options);

}  // namespace gossamer
#pragma GCC visibility pop
