#include "gossamer/sparse/sparse_parameter.h"

#include <fmt/format.h>

#include "runtime/check.h"

namespace gossamer::sparse {

void SparseParameter::set_mask(const Tensor& mask) const {
  const std::string op = fmt::format("set_mask('{}')", name_);
  if (!mask.defined() || mask.shape() != parameter_.shape()) {
    fail<ShapeError>(op, fmt::format("the mask must have shape {}", parameter_.shape().to_string()),
                     mask.defined() ? mask.shape().to_string() : "an undefined tensor");
  }
  if (mask.dtype() != DType::boolean)
    fail<DTypeError>(op, "the mask must be bool", dtype_name(mask.dtype()), "convert with .to(DType::boolean)");
  parameter_.apply({CsrPattern::from_mask(mask)});
}

}  // namespace gossamer::sparse
