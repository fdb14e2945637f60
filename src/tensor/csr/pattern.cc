// Construction of patterns, with all that is checked.
#include "gossamer/csr_pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "runtime/check.h"
#include "tensor/csr/arrays.h"
#include "tensor/csr/stream.h"
#include "tensor/mask_bytes.h"

namespace gossamer {

namespace {

constexpr const char* kOp = "CsrPattern";

void check_size(int64_t rows, int64_t cols) {
  // More row pointers than this have no address.
  constexpr int64_t kMaxRows = int64_t{1} << 59;
  if (rows < 0 || rows > kMaxRows || cols < 0 || cols > std::numeric_limits<int32_t>::max()) {
    fail<ShapeError>(kOp, "rows must be within [0, 2^59] and cols within [0, 2^31)",
                     fmt::format("{} x {}", rows, cols));
  }
  // Checks the product.
  static_cast<void>(Shape({rows, cols}));
}

}  // namespace

MatrixSize as_matrix(const Shape& shape) {
  if (shape.rank() < 2) return {1, shape.numel()};
  // Not numel() / shape[0], which an empty dimension 0 would divide by zero.
  return {shape[0], Shape(shape.dims().subspan(1)).numel()};
}

CsrPattern::CsrPattern(int64_t rows, int64_t cols, int64_t nnz)
    : rows_(rows), cols_(cols), nnz_(nnz), full_(nnz == rows * cols) {}
CsrPattern::~CsrPattern() = default;

std::shared_ptr<const CsrPattern> CsrPattern::create(int64_t rows, int64_t cols, std::span<const int64_t> row_ptr,
                                                     std::span<const int32_t> col_idx) {
  check_size(rows, cols);
  if (static_cast<int64_t>(row_ptr.size()) != rows + 1) {
    fail<ShapeError>(kOp, fmt::format("row_ptr must have rows + 1 = {} elements", rows + 1),
                     fmt::format("{}", row_ptr.size()));
  }
  if (const auto fault = csr_fault(cols, row_ptr, col_idx)) {
    const bool columns = fault->in == CsrFault::In::Columns;
    fail<ConfigError>(kOp, fmt::format("{} must {}", columns ? "columns" : "row_ptr", fault->must), fault->given,
                      columns ? "sort the columns of each row" : "");
  }
  return CsrPatternAccess::of_checked(rows, cols, row_ptr, col_idx);
}

std::shared_ptr<const CsrPattern> CsrPatternAccess::of_checked(int64_t rows, int64_t cols,
                                                               std::span<const int64_t> row_ptr,
                                                               std::span<const int32_t> col_idx) {
  std::shared_ptr<CsrPattern> pattern(new CsrPattern(rows, cols, static_cast<int64_t>(col_idx.size())));
  if (!pattern->full_) {
    pattern->stream_ = std::make_unique<StreamPlan>(build_stream(rows, cols, row_ptr, col_idx));
  }
  return pattern;
}

std::shared_ptr<const CsrPattern> CsrPattern::from_positions(int64_t rows, int64_t cols,
                                                             std::span<const int64_t> positions) {
  check_size(rows, cols);
  const auto n = static_cast<int64_t>(positions.size());
  const auto ascends = [&](int64_t i) {
    return positions[i] > (i == 0 ? -1 : positions[i - 1]) && positions[i] < rows * cols;
  };
  if (const int64_t i = first_failure(n, ascends); i != n) {
    fail<ConfigError>(kOp, fmt::format("positions must ascend strictly within [0, {})", rows * cols),
                      fmt::format("{} after {}", positions[i], i == 0 ? -1 : positions[i - 1]));
  }
  std::vector<int64_t> row_ptr(static_cast<size_t>(rows + 1));
  std::vector<int32_t> col_idx(positions.size());
  parallel_runs(rows, [&](int64_t begin, int64_t end) {
    int64_t i = std::ranges::lower_bound(positions, begin * cols) - positions.begin();
    for (int64_t row = begin; row < end; ++row) {
      for (; i < n && positions[i] < (row + 1) * cols; ++i) {
        col_idx[static_cast<size_t>(i)] = static_cast<int32_t>(positions[i] - row * cols);
      }
      row_ptr[static_cast<size_t>(row + 1)] = i;
    }
  });
  return create(rows, cols, row_ptr, col_idx);
}

std::shared_ptr<const CsrPattern> CsrPattern::from_mask(const Tensor& mask) {
  const MatrixSize size = as_matrix(mask.shape());
  const int64_t rows = size.rows, cols = size.cols;
  const bool* bits = mask.data<bool>();
  check_size(rows, cols);
  check_mask_bytes("CsrPattern::from_mask", mask);
  std::vector<int64_t> row_ptr(static_cast<size_t>(rows + 1));
  parallel_runs(rows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      row_ptr[static_cast<size_t>(row + 1)] = std::count(bits + row * cols, bits + (row + 1) * cols, true);
    }
  });
  for (size_t row = 1; row < row_ptr.size(); ++row) row_ptr[row] += row_ptr[row - 1];
  std::vector<int32_t> col_idx(static_cast<size_t>(row_ptr.back()));
  parallel_runs(rows, [&](int64_t begin, int64_t end) {
    auto to = col_idx.begin() + row_ptr[static_cast<size_t>(begin)];
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t col = 0; col < cols; ++col) {
        if (bits[row * cols + col]) *to++ = static_cast<int32_t>(col);
      }
    }
  });
  return create(rows, cols, row_ptr, col_idx);
}

std::shared_ptr<const CsrPattern> CsrPattern::full(int64_t rows, int64_t cols) {
  check_size(rows, cols);
  return std::shared_ptr<const CsrPattern>(new CsrPattern(rows, cols, rows * cols));
}

double CsrPattern::sparsity() const {
  const double n = static_cast<double>(rows_) * static_cast<double>(cols_);
  return n == 0 ? 0 : 1 - static_cast<double>(nnz_) / n;
}

int64_t CsrPattern::bytes() const {
  const auto transposed = std::atomic_load(&transposed_);
  return (stream_ ? stream_->bytes() : 0) + (transposed ? transposed->bytes() : 0);
}

bool CsrPattern::operator==(const CsrPattern& other) const {
  if (rows_ != other.rows_ || cols_ != other.cols_ || nnz_ != other.nnz_) return false;
  if (full_) return true;
  // The stream is a function of the positions.
  const StreamPlan& a = *stream_;
  const StreamPlan& b = *other.stream_;
  const auto same_segment = [](const kernels::Segment& x, const kernels::Segment& y) {
    return x.row == y.row && x.count == y.count;
  };
  return a.col == b.col && a.slot_begin == b.slot_begin && std::ranges::equal(a.segments, b.segments, same_segment);
}

}  // namespace gossamer
