// Element types of tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string_view>
#include <type_traits>

#include "gossamer/version.h"

#pragma GCC visibility push(default)
namespace gossamer {

// f32 is what trains; f64 serves gradient checks (a float32 check cannot see errors below 1e-4); i64 and i32 hold
// labels and indices; boolean holds masks, one byte each.
enum class DType : uint8_t { f32, f64, i64, i32, boolean };

// "f32", "f64", "i64", "i32" or "bool".
constexpr std::string_view dtype_name(DType dtype) {
  constexpr std::string_view kNames[] = {"f32", "f64", "i64", "i32", "bool"};
  return kNames[static_cast<size_t>(dtype)];
}

// Writes dtype_name().
std::ostream& operator<<(std::ostream& out, DType dtype);

// Bytes of one element.
constexpr int64_t dtype_size(DType dtype) {
  constexpr int64_t kSizes[] = {4, 8, 8, 4, 1};
  return kSizes[static_cast<size_t>(dtype)];
}

constexpr bool is_floating(DType dtype) { return dtype == DType::f32 || dtype == DType::f64; }

// The C++ types that a tensor can hold.
template <class T>
concept Element = std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, int64_t> ||
    std::is_same_v<T, int32_t> || std::is_same_v<T, bool>;

// The DType of a C++ type: dtype_of<float> is DType::f32.
template <Element T>
inline constexpr DType dtype_of = std::is_same_v<T, float>     ? DType::f32
                                  : std::is_same_v<T, double>  ? DType::f64
                                  : std::is_same_v<T, int64_t> ? DType::i64
                                  : std::is_same_v<T, int32_t> ? DType::i32
                                                               : DType::boolean;

}  // namespace gossamer
#pragma GCC visibility pop
