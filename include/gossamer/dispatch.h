// From a runtime DType to a compile-time type, for operations of one's own.
//
//   double sum(const Tensor& x) {
//     return dispatch_floating(x.dtype(), "sum", [&]<class T>() {
//       const auto elements = x.span<T>();
//       return std::accumulate(elements.begin(), elements.end(), 0.0);
//     });
//   }
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "gossamer/dtype.h"

#pragma GCC visibility push(default)
namespace gossamer {

// What dispatch_floating() throws.
[[noreturn]] void throw_not_floating(std::string_view op, DType dtype);

// Calls f.operator()<T>() with T = float or double. Throws DTypeError that names `op` for other types.
template <class F>
decltype(auto) dispatch_floating(DType dtype, std::string_view op, F&& f) {
  switch (dtype) {
    case DType::f32:
      return std::forward<F>(f).template operator()<float>();
    case DType::f64:
      return std::forward<F>(f).template operator()<double>();
    default:
      throw_not_floating(op, dtype);
  }
}

// Calls f.operator()<T>() with T = float, double, int64_t, int32_t or bool.
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
#pragma GCC visibility pop
