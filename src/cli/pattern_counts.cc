#include "cli/pattern_counts.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <span>

#include "gossamer/dispatch.h"
#include "gossamer/error.h"
#include "runtime/check.h"
#include "tensor/csr/entries.h"

namespace gossamer::cli {

namespace {

// Which cell each of `count` lines belongs to.
std::vector<int64_t> cells_of(int64_t count, int64_t cells) {
  std::vector<int64_t> result(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) result[static_cast<size_t>(i)] = i * cells / count;
  return result;
}

class Counter {
 public:
  explicit Counter(MatrixSize size)
      : row_cells_(std::min(size.rows, PatternCounts::kCells)),
        col_cells_(std::min(size.cols, PatternCounts::kCells)),
        row_cell_(cells_of(size.rows, row_cells_)),
        col_cell_(cells_of(size.cols, col_cells_)),
        in_row_(row_cell_.size()),
        in_col_(col_cell_.size()),
        in_cell_(static_cast<size_t>(row_cells_ * col_cells_)) {}

  void add(int64_t row, int64_t col) {
    const auto r = static_cast<size_t>(row), c = static_cast<size_t>(col);
    ++in_row_[r];
    ++in_col_[c];
    ++in_cell_[static_cast<size_t>(row_cell_[r] * col_cells_ + col_cell_[c])];
  }

  PatternCounts finish(MatrixSize size) const {
    PatternCounts result{.size = size, .cell_rows = row_cells_, .cell_cols = col_cells_};
    for (const int64_t n : in_row_) result.nnz += n;
    result.dead_rows = std::ranges::count(in_row_, 0);
    result.dead_cols = std::ranges::count(in_col_, 0);
    std::vector<int64_t> heights(static_cast<size_t>(row_cells_)), widths(static_cast<size_t>(col_cells_));
    for (const int64_t cell : row_cell_) ++heights[static_cast<size_t>(cell)];
    for (const int64_t cell : col_cell_) ++widths[static_cast<size_t>(cell)];
    for (size_t i = 0; i < in_cell_.size(); ++i) {
      const int64_t area = heights[i / widths.size()] * widths[i % widths.size()];
      result.density.push_back(static_cast<double>(in_cell_[i]) / static_cast<double>(area));
    }
    return result;
  }

 private:
  int64_t row_cells_, col_cells_;
  std::vector<int64_t> row_cell_, col_cell_;
  std::vector<int64_t> in_row_, in_col_, in_cell_;
};

void count_dense(Counter& counter, MatrixSize size, const Tensor& values) {
  dispatch_all(values.dtype(), [&]<class T>() {
    const T* next = values.data<T>();
    for (int64_t r = 0; r < size.rows; ++r) {
      for (int64_t c = 0; c < size.cols; ++c, ++next) {
        if (*next != T(0)) counter.add(r, c);
      }
    }
  });
}

void count_csr(Counter& counter, MatrixSize size, const TensorFile& file, const std::string& name) {
  const auto refuse = [&](const std::string& given) {
    fail<FormatError>("inspect", fmt::format("'{}' must be a weight in CSR form", name), given);
  };
  const Tensor crow = file.tensor(name + ".crow_indices").to(DType::i64);
  const Tensor col = file.tensor(name + ".col_indices").to(DType::i64);
  const auto starts = crow.span<int64_t>(), cols = col.span<int64_t>();
  if (crow.numel() != size.rows + 1 || starts.front() != 0 || starts.back() != col.numel() ||
      !std::ranges::is_sorted(starts)) {
    refuse(fmt::format("its crow_indices do not lead from 0 to {} in {} steps", col.numel(), size.rows));
  }
  for (int64_t r = 0; r < size.rows; ++r) {
    int64_t last = -1;
    const auto row = static_cast<size_t>(r);
    for (const int64_t c :
         cols.subspan(static_cast<size_t>(starts[row]), static_cast<size_t>(starts[row + 1] - starts[row]))) {
      if (c <= last || c >= size.cols)
        refuse(fmt::format("the columns of row {} do not ascend below {}", r, size.cols));
      last = c;
      counter.add(r, c);
    }
  }
}

}  // namespace

PatternCounts count_pattern(const TensorFile& file, const Weight& weight) {
  const MatrixSize size = as_matrix(weight.shape);
  Counter counter(size);
  switch (weight.form) {
    case nn::WeightForm::Csr:
      count_csr(counter, size, file, weight.name);
      break;
    case nn::WeightForm::Mask:
    case nn::WeightForm::Prune: {
      const Tensor mask = file.tensor(mask_entry(weight.name));
      if (mask.shape() != weight.shape) {
        fail<FormatError>(
            "inspect",
            fmt::format("'{}_mask' must have the shape of its weight, {}", weight.name, weight.shape.to_string()),
            mask.shape().to_string());
      }
      count_dense(counter, size, mask);
      break;
    }
    default:
      count_dense(counter, size, file.tensor(weight.name));
  }
  return counter.finish(size);
}

}  // namespace gossamer::cli
