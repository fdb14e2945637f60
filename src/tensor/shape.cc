#include "gossamer/shape.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <ostream>

#include "runtime/check.h"

namespace gossamer {

Shape::Shape(std::span<const int64_t> dims) {
  if (dims.size() > kMaxRank) {
    fail<ShapeError>("Shape", fmt::format("rank must be at most {}", kMaxRank), fmt::format("rank {}", dims.size()));
  }
  rank_ = static_cast<int>(dims.size());
  std::copy(dims.begin(), dims.end(), dims_.begin());
  for (const int64_t d : dims) {
    if (d < 0) fail<ShapeError>("Shape", "sizes must be at least 0", to_string());
  }
  // A zero anywhere makes the tensor empty, whatever the other sizes multiply to.
  if (std::find(dims.begin(), dims.end(), 0) != dims.end()) {
    numel_ = 0;
    return;
  }
  for (const int64_t d : dims) {
    if (numel_ > std::numeric_limits<int64_t>::max() / d) {
      fail<ShapeError>("Shape", "the number of elements must fit 63 bits", to_string());
    }
    numel_ *= d;
  }
}

size_t Shape::place_of(int dim) const {
  if (dim < -rank_ || dim >= rank_) {
    fail<ShapeError>("Shape", fmt::format("a dimension of {} must be within [{}, {})", to_string(), -rank_, rank_),
                     fmt::format("{}", dim));
  }
  return static_cast<size_t>(dim < 0 ? dim + rank_ : dim);
}

bool Shape::operator==(const Shape& other) const { return std::ranges::equal(*this, other); }

std::string Shape::to_string() const { return fmt::format("[{}]", fmt::join(begin(), end(), ", ")); }

std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << shape.to_string(); }

Shape broadcast_shapes(const Shape& a, const Shape& b, const char* op) {
  std::array<int64_t, Shape::kMaxRank> dims{};
  const int rank = std::max(a.rank(), b.rank());
  for (int i = 1; i <= rank; ++i) {
    const int64_t da = i <= a.rank() ? a[a.rank() - i] : 1;
    const int64_t db = i <= b.rank() ? b[b.rank() - i] : 1;
    if (da != db && da != 1 && db != 1) {
      fail<ShapeError>(op, "shapes must broadcast (equal sizes, or 1, from the last dimension on)",
                       fmt::format("{} and {}", a.to_string(), b.to_string()));
    }
    dims[static_cast<size_t>(rank - i)] = da == 1 ? db : da;
  }
  return Shape(std::span<const int64_t>(dims.data(), static_cast<size_t>(rank)));
}

}  // namespace gossamer
