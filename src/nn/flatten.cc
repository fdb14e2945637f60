#include "gossamer/nn/flatten.h"

#include <fmt/format.h>

#include <cstdint>
#include <vector>

#include "gossamer/ops/shape.h"
#include "runtime/check.h"

namespace gossamer::nn {

Tensor Flatten::forward(const Tensor& x) {
  const int rank = x.rank();
  const int first = options_.start_dim < 0 ? options_.start_dim + rank : options_.start_dim;
  const int last = options_.end_dim < 0 ? options_.end_dim + rank : options_.end_dim;
  if (!x.defined() || first < 0 || last >= rank || first > last) {
    fail<ShapeError>("Flatten",
                     fmt::format("dimensions {} to {} must exist, in this order", options_.start_dim, options_.end_dim),
                     x.defined() ? x.shape().to_string() : "an undefined tensor");
  }
  std::vector<int64_t> dims(x.shape().begin(), x.shape().begin() + first);
  int64_t merged = 1;
  for (int i = first; i <= last; ++i) merged *= x.shape()[i];
  dims.push_back(merged);
  dims.insert(dims.end(), x.shape().begin() + last + 1, x.shape().end());
  return reshape(x, Shape(dims));
}

}  // namespace gossamer::nn
