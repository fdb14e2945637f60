// Construction and conversion of patterns. The streaming order itself is built in csr_stream.cc.
#include "gossamer/csr_pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
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

// The smallest i of [0, n) for which holds(i) is false, or n.
template <class F>
int64_t first_failure(int64_t n, const F& holds) {
  std::atomic<int64_t> first = n;
  parallel_runs(n, [&](int64_t begin, int64_t end) {
    int64_t i = begin;
    while (i < end && holds(i)) ++i;
    if (i == end) return;
    int64_t seen = first.load();
    while (i < seen && !first.compare_exchange_weak(seen, i)) {
    }
  });
  return first.load();
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
  const auto ascends = [&](int64_t row) { return row_ptr[row] <= row_ptr[row + 1]; };
  if (row_ptr.front() != 0 || row_ptr.back() != nnz || first_failure(rows, ascends) != rows) {
    fail<ConfigError>(kOp, fmt::format("row_ptr must ascend from 0 to nnz = {}", nnz),
                      fmt::format("it starts at {} and ends at {}", row_ptr.front(), row_ptr.back()));
  }
  // The first column of a row that does not follow the one before it, or its end.
  const auto misplaced = [&](int64_t row) {
    int64_t before = -1;
    int64_t i = row_ptr[row];
    for (; i < row_ptr[row + 1] && col_idx[i] > before && col_idx[i] < cols; ++i) before = col_idx[i];
    return i;
  };
  if (const int64_t row = first_failure(rows, [&](int64_t r) { return misplaced(r) == row_ptr[r + 1]; }); row != rows) {
    const int64_t i = misplaced(row);
    fail<ConfigError>(kOp, fmt::format("columns must ascend strictly within [0, {})", cols),
                      fmt::format("row {} has {} after {}", row, col_idx[i], i == row_ptr[row] ? -1 : col_idx[i - 1]),
                      "sort the columns of each row");
  }
  std::shared_ptr<CsrPattern> pattern(new CsrPattern(rows, cols, nnz));
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

Csr CsrPattern::csr() const {
  Csr csr;
  csr.row_ptr.resize(static_cast<size_t>(rows_ + 1));
  csr.col_idx.resize(static_cast<size_t>(nnz_));
  parallel_row_blocks(*this, [&](const Walk& walk, int64_t block) {
    auto to = csr.col_idx.begin() + walk.slot_begin(block);
    walk.for_each([&](const SlotPosition& p) {
      ++csr.row_ptr[static_cast<size_t>(p.row + 1)];
      *to++ = static_cast<int32_t>(p.col);
    });
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

CsrPattern::Walk::Walk(const CsrPattern& pattern) : pattern_(pattern) {
  if (pattern.full_) {
    // As many elements as a block of a stream has slots, about.
    block_rows_ = std::max<int64_t>(1, 16384 / std::max<int64_t>(1, pattern.cols_));
  } else {
    block_rows_ = pattern.stream_->block_rows;
    columns_ = pattern.stream_->col.data();
  }
  blocks_ = (pattern.rows_ + block_rows_ - 1) / block_rows_;
}

int64_t CsrPattern::Walk::slot_begin(int64_t block) const {
  if (pattern_.full_) return row_begin(block) * pattern_.cols_;
  const kernels::CsrStream s = pattern_.stream_->view();
  return s.slot_begin[block * s.panels()];
}

void CsrPattern::Walk::load(int64_t block) {
  block_ = block;
  row_ = 0;
  at_ = 0;
  in_run_ = 0;
  const int64_t row0 = row_begin(block);
  const int64_t rows = row_begin(block + 1) - row0;
  row_ptr_.assign(static_cast<size_t>(rows + 1), 0);
  runs_.clear();
  if (pattern_.full_) {
    if (pattern_.cols_ == 0) return;
    for (int64_t row = 0; row < rows; ++row) {
      row_ptr_[static_cast<size_t>(row + 1)] = static_cast<size_t>(row + 1);
      runs_.push_back({(row0 + row) * pattern_.cols_, 0, static_cast<int32_t>(pattern_.cols_)});
    }
    return;
  }
  // The segments by row. Cells come in the order of their panels, so the columns of each row ascend.
  const kernels::CsrStream s = pattern_.stream_->view();
  const int64_t cell_begin = block * s.panels();
  const int64_t cell_end = cell_begin + s.panels();
  for (int64_t i = s.segment_begin[cell_begin]; i < s.segment_begin[cell_end]; ++i) {
    row_ptr_[size_t{s.segments[i].row} + 1] += s.segments[i].count > 0;
  }
  for (size_t row = 1; row < row_ptr_.size(); ++row) row_ptr_[row] += row_ptr_[row - 1];
  next_run_.assign(row_ptr_.begin(), row_ptr_.end() - 1);
  runs_.resize(row_ptr_.back());
  for (int64_t cell = cell_begin; cell < cell_end; ++cell) {
    int64_t slot = s.slot_begin[cell];
    const auto col0 = static_cast<int32_t>((cell - cell_begin) * s.panel_cols);
    for (int64_t i = s.segment_begin[cell]; i < s.segment_begin[cell + 1]; ++i) {
      const auto [row, count] = s.segments[i];
      if (count == 0) break;
      runs_[next_run_[row]++] = {slot, col0, count};
      slot += count;
    }
  }
}

Tensor CsrPattern::mask() const {
  Tensor mask = Tensor::zeros({rows_, cols_}, DType::boolean);
  bool* bits = mask.mutable_data<bool>();
  parallel_row_blocks(*this, [&](const Walk& walk, int64_t) {
    walk.for_each([&](const SlotPosition& p) { bits[p.row * cols_ + p.col] = true; });
  });
  return mask;
}

Tensor CsrPattern::dense(const Tensor& values) const {
  check_values(values, nnz_, "CsrPattern::dense");
  if (full_) return values.clone().alias({rows_, cols_});
  Tensor dense = Tensor::zeros({rows_, cols_}, values.dtype());
  dispatch_all(values.dtype(), [&]<class T>() {
    const T* from = values.data<T>();
    T* to = dense.mutable_data<T>();
    parallel_row_blocks(*this, [&](const Walk& walk, int64_t) {
      walk.for_each([&](const SlotPosition& p) { to[p.row * cols_ + p.col] = from[p.slot]; });
    });
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
    parallel_row_blocks(*this, [&](const Walk& walk, int64_t) {
      walk.for_each([&](const SlotPosition& p) { to[p.slot] = from[p.row * cols_ + p.col]; });
    });
  });
  return values;
}

Tensor CsrPattern::to_canonical(const Tensor& values) const {
  check_values(values, nnz_, "CsrPattern::to_canonical");
  Tensor canonical = Tensor::empty({nnz_}, values.dtype());
  dispatch_all(values.dtype(), [&]<class T>() {
    const T* from = values.data<T>();
    T* to = canonical.mutable_data<T>();
    parallel_row_blocks(*this, [&](const Walk& walk, int64_t block) {
      T* next = to + walk.slot_begin(block);
      walk.for_each([&](const SlotPosition& p) { *next++ = from[p.slot]; });
    });
  });
  return canonical;
}

Tensor CsrPattern::from_canonical(const Tensor& values) const {
  check_values(values, nnz_, "CsrPattern::from_canonical");
  Tensor slots = Tensor::empty({nnz_}, values.dtype());
  dispatch_all(values.dtype(), [&]<class T>() {
    const T* from = values.data<T>();
    T* to = slots.mutable_data<T>();
    parallel_row_blocks(*this, [&](const Walk& walk, int64_t block) {
      const T* next = from + walk.slot_begin(block);
      walk.for_each([&](const SlotPosition& p) { to[p.slot] = *next++; });
    });
  });
  return slots;
}

}  // namespace gossamer
