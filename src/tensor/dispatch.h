// From a runtime DType to a compile-time type.
#pragma once

#include <string_view>
#include <utility>

#include "gossamer/dtype.h"
#include "runtime/check.h"

namespace gossamer {

// Calls f.operator()<T>() with T = float or double. Throws DTypeError naming `op` for other types.
template <class F>
decltype(auto) dispatch_floating(DType dtype, std::string_view op, F&& f) {
  switch (dtype) {
    case DType::f32:
      return std::forward<F>(f).template operator()<float>();
    case DType::f64:
      return std::forward<F>(f).template operator()<double>();
    default:
      fail<DTypeError>(op, "dtype must be f32 or f64", dtype_name(dtype), "convert with .to(DType::f32)");
  }
}

// Calls f.operator()<T>() with any element type.
template <class F>
decltype(auto) dispatch_all(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32:
      return std::forward<F>(f).template operator()<float>();
    case DType::f64:
      return std::forward<F>(f).template operator()<double>();
    case DType::i64:
      return std::forward<F>(f).template operator()<int64_t>();
    case DType::i32:
      return std::forward<F>(f).template operator()<int32_t>();
    case DType::boolean:
      break;
  }
  return std::forward<F>(f).template operator()<bool>();
}

}  // namespace gossamer
