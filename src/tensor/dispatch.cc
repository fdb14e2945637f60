#include "gossamer/dispatch.h"

#include <string_view>

#include "runtime/check.h"

namespace gossamer {

void throw_not_floating(std::string_view op, DType dtype) {
  fail<DTypeError>(op, "dtype must be f32 or f64", dtype_name(dtype), "convert with .to(DType::f32)");
}

}  // namespace gossamer
