// Sizes of a tensor's dimensions.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <span>
#include <string>

#include "gossamer/lifetimebound.h"
#include "gossamer/version.h"

#pragma GCC visibility push(default)
namespace gossamer {

// Up to kMaxRank dimensions, row-major, outermost first. Rank 0 is a scalar with one element.
class Shape {
 public:
  static constexpr int kMaxRank = 8;

  Shape() = default;
  // Throws ShapeError for a negative size, a rank above kMaxRank, or a number of elements above 2^63 - 1.
  Shape(std::initializer_list<int64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  explicit Shape(std::span<const int64_t> dims);

  int rank() const { return rank_; }
  int64_t numel() const { return numel_; }
  // Negative counts from the end. Throws ShapeError outside.
  int64_t operator[](int dim) const {
    return dims_[dim >= 0 && dim < rank_ ? static_cast<size_t>(dim) : place_of(dim)];
  }
  int64_t back() const { return (*this)[rank_ - 1]; }

  const int64_t* begin() const GOSSAMER_LIFETIMEBOUND { return dims_.data(); }
  const int64_t* end() const GOSSAMER_LIFETIMEBOUND { return dims_.data() + rank_; }
  std::span<const int64_t> dims() const GOSSAMER_LIFETIMEBOUND { return {begin(), end()}; }

  bool operator==(const Shape& other) const;

  // "[2, 3]"
  std::string to_string() const;

 private:
  // Of a dimension counted from the end; ShapeError for any other.
  size_t place_of(int dim) const;

  std::array<int64_t, kMaxRank> dims_{};
  int rank_ = 0;
  int64_t numel_ = 1;
};

// Writes to_string().
std::ostream& operator<<(std::ostream& out, const Shape& shape);

// The types that name a dimension where one is given as a number.
template <class T>
concept DimNumber = std::integral<T> && !std::same_as<T, bool>;

// The shape of an elementwise result: sizes are aligned at the last dimension, and 1 stretches. `op` names the caller
// in the ShapeError that is thrown where the sizes do not fit.
Shape broadcast_shapes(const Shape& a, const Shape& b, const char* op);

}  // namespace gossamer
#pragma GCC visibility pop
