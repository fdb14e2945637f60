// Construction and conversion of patterns. The streaming order itself is built in csr_stream.cc.
#include "gossamer/csr_pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "runtime/check.h"
#include "tensor/csr_stream.h"
#include "tensor/dispatch.h"

namespace gossamer {

namespace {

constexpr const char* kOp = "CsrPattern";

void check_size(int64_t rows, int64_t cols) {
  if (rows < 0 || cols < 0 || cols > std::numeric_limits<int32_t>::max()) {
    fail<ShapeError>(kOp, "rows must be at least 0 and cols within [0, 2^31)", fmt::format("{} x {}", rows, cols));
  }
  // Checks the product.
  static_cast<void>(Shape({rows, cols}));
}

void check_values(const Tensor& values, int64_t count, const char* op) {
  if (!values.defined() || values.numel() != count) {
    fail<ShapeError>(op, fmt::format("there must be {} elements", count),
                     values.defined() ? values.shape().to_string() : "an undefined tensor");
  }
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
  const int64_t nnz = static_cast<int64_t>(col_idx.size());
  if (static_cast<int64_t>(row_ptr.size()) != rows + 1) {
    fail<ShapeError>(kOp, fmt::format("row_ptr must have rows + 1 = {} elements", rows + 1),
                     fmt::format("{}", row_ptr.size()));
  }
  if (row_ptr.front() != 0 || row_ptr.back() != nnz || !std::is_sorted(row_ptr.begin(), row_ptr.end())) {
    fail<ConfigError>(kOp, fmt::format("row_ptr must ascend from 0 to nnz = {}", nnz),
                      fmt::format("it starts at {} and ends at {}", row_ptr.front(), row_ptr.back()));
  }
  for (int64_t row = 0; row < rows; ++row) {
    int64_t before = -1;
    for (int64_t i = row_ptr[row]; i < row_ptr[row + 1]; ++i) {
      if (col_idx[i] <= before || col_idx[i] >= cols) {
        fail<ConfigError>(kOp, fmt::format("columns must ascend strictly within [0, {})", cols),
                          fmt::format("row {} has {} after {}", row, col_idx[i], before),
                          "sort the columns of each row");
      }
      before = col_idx[i];
    }
  }
  std::shared_ptr<CsrPattern> pattern(new CsrPattern(rows, cols, nnz));
  if (!pattern->full_) {
    pattern->stream_ = std::make_unique<StreamPlan>(build_stream(rows, cols, row_ptr, col_idx, {}));
  }
  return pattern;
}

std::shared_ptr<const CsrPattern> CsrPattern::from_positions(int64_t rows, int64_t cols,
                                                             std::span<const int64_t> positions) {
  check_size(rows, cols);
  std::vector<int64_t> row_ptr(static_cast<size_t>(rows + 1));
  std::vector<int32_t> col_idx(positions.size());
  int64_t before = -1;
  for (size_t i = 0; i < positions.size(); ++i) {
    const int64_t p = positions[i];
    if (p <= before || p >= rows * cols) {
      fail<ConfigError>(kOp, fmt::format("positions must ascend strictly within [0, {})", rows * cols),
                        fmt::format("{} after {}", p, before));
    }
    before = p;
    ++row_ptr[static_cast<size_t>(p / cols + 1)];
    col_idx[i] = static_cast<int32_t>(p % cols);
  }
  for (size_t row = 1; row < row_ptr.size(); ++row) row_ptr[row] += row_ptr[row - 1];
  return create(rows, cols, row_ptr, col_idx);
}

std::shared_ptr<const CsrPattern> CsrPattern::from_mask(const Tensor& mask) {
  const auto [rows, cols] = as_matrix(mask.shape());
  const bool* bits = mask.data<bool>();
  std::vector<int64_t> row_ptr{0};
  std::vector<int32_t> col_idx;
  check_size(rows, cols);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t col = 0; col < cols; ++col) {
      if (bits[row * cols + col]) col_idx.push_back(static_cast<int32_t>(col));
    }
    row_ptr.push_back(static_cast<int64_t>(col_idx.size()));
  }
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

Csr CsrPattern::csr() const {
  Csr csr;
  csr.row_ptr.assign(static_cast<size_t>(rows_ + 1), 0);
  csr.col_idx.reserve(static_cast<size_t>(nnz_));
  for_each([&](const SlotPosition& p) {
    ++csr.row_ptr[static_cast<size_t>(p.row + 1)];
    csr.col_idx.push_back(static_cast<int32_t>(p.col));
  });
  for (size_t row = 1; row < csr.row_ptr.size(); ++row) csr.row_ptr[row] += csr.row_ptr[row - 1];
  return csr;
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

bool CsrPattern::Walk::next_block() {
  positions_.clear();
  at_ = 0;
  if (pattern_.full_) {
    const int64_t block_rows = std::max<int64_t>(1, 4096 / std::max<int64_t>(1, pattern_.cols_));
    const int64_t row_begin = next_block_++ * block_rows;
    const int64_t row_end = std::min(pattern_.rows_, row_begin + block_rows);
    for (int64_t row = row_begin; row < row_end; ++row) {
      for (int64_t col = 0; col < pattern_.cols_; ++col) positions_.push_back({row, col, row * pattern_.cols_ + col});
    }
    return row_begin < row_end;
  }
  const kernels::CsrStream s = pattern_.stream_->view();
  if (next_block_ == s.blocks()) return false;
  const int64_t block = next_block_++;
  const int64_t row0 = block * s.block_rows;
  const int64_t cell_begin = block * s.panels();
  const int64_t cell_end = cell_begin + s.panels();
  positions_.resize(static_cast<size_t>(s.slot_begin[cell_end] - s.slot_begin[cell_begin]));
  // Where the next nonzero of each row goes; panels come in ascending order, so each row's columns ascend.
  cursor_.assign(static_cast<size_t>(std::min(s.block_rows, s.rows - row0) + 1), 0);
  for (int64_t i = s.segment_begin[cell_begin]; i < s.segment_begin[cell_end]; ++i) {
    cursor_[static_cast<size_t>(s.segments[i].row + 1)] += s.segments[i].count;
  }
  for (size_t row = 1; row < cursor_.size(); ++row) cursor_[row] += cursor_[row - 1];
  for (int64_t cell = cell_begin; cell < cell_end; ++cell) {
    int64_t slot = s.slot_begin[cell];
    const int64_t col0 = (cell - cell_begin) * s.panel_cols;
    for (int64_t i = s.segment_begin[cell]; i < s.segment_begin[cell + 1]; ++i) {
      int64_t& at = cursor_[s.segments[i].row];
      for (int64_t end = slot + s.segments[i].count; slot < end; ++slot) {
        positions_[static_cast<size_t>(at++)] = {row0 + s.segments[i].row, col0 + s.col[slot], slot};
      }
    }
  }
  return true;
}

Tensor CsrPattern::mask() const {
  Tensor mask = Tensor::zeros({rows_, cols_}, DType::boolean);
  bool* bits = mask.mutable_data<bool>();
  for_each([&](const SlotPosition& p) { bits[p.row * cols_ + p.col] = true; });
  return mask;
}

Tensor CsrPattern::dense(const Tensor& values) const {
  check_values(values, nnz_, "CsrPattern::dense");
  if (full_) return values.clone().alias({rows_, cols_});
  Tensor dense = Tensor::zeros({rows_, cols_}, values.dtype());
  dispatch_all(values.dtype(), [&]<class T>() {
    const T* from = values.data<T>();
    T* to = dense.mutable_data<T>();
    for_each([&](const SlotPosition& p) { to[p.row * cols_ + p.col] = from[p.slot]; });
  });
  return dense;
}

Tensor CsrPattern::gather(const Tensor& dense) const {
  check_values(dense, rows_ * cols_, "CsrPattern::gather");
  if (full_) return dense.clone().alias({nnz_});
  Tensor values = Tensor::empty({nnz_}, dense.dtype());
  dispatch_all(dense.dtype(), [&]<class T>() {
    const T* from = dense.data<T>();
    T* to = values.mutable_data<T>();
    for_each([&](const SlotPosition& p) { to[p.slot] = from[p.row * cols_ + p.col]; });
  });
  return values;
}

Tensor CsrPattern::to_canonical(const Tensor& values) const {
  check_values(values, nnz_, "CsrPattern::to_canonical");
  Tensor canonical = Tensor::empty({nnz_}, values.dtype());
  dispatch_all(values.dtype(), [&]<class T>() {
    const T* from = values.data<T>();
    T* to = canonical.mutable_data<T>();
    for_each([&](const SlotPosition& p) { *to++ = from[p.slot]; });
  });
  return canonical;
}

Tensor CsrPattern::from_canonical(const Tensor& values) const {
  check_values(values, nnz_, "CsrPattern::from_canonical");
  Tensor slots = Tensor::empty({nnz_}, values.dtype());
  dispatch_all(values.dtype(), [&]<class T>() {
    const T* from = values.data<T>();
    T* to = slots.mutable_data<T>();
    for_each([&](const SlotPosition& p) { to[p.slot] = *from++; });
  });
  return slots;
}

}  // namespace gossamer
