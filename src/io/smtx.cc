#include "gossamer/io/smtx.h"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/error.h"
#include "io/atomic_file.h"
#include "io/words.h"
#include "runtime/check.h"

namespace gossamer::io {
namespace {

std::vector<int64_t> read_offsets(Words& words, const MatrixSizes& sizes) {
  if (!words.next_line()) words.wrong("a line with row offsets must follow", "the file ends");
  std::vector<int64_t> row_ptr;
  row_ptr.reserve(static_cast<size_t>(sizes.rows) + 1);
  for (int64_t row = 0; row <= sizes.rows; ++row) {
    // Ascending from 0 to nnz.
    const int64_t low = row == 0 ? 0 : row == sizes.rows ? sizes.nnz : row_ptr.back();
    row_ptr.push_back(words.number_in("a row offset", low, row == 0 ? 0 : sizes.nnz));
  }
  words.end_line(fmt::format("{} row offsets", sizes.rows + 1));
  return row_ptr;
}

std::vector<int32_t> read_columns(Words& words, const MatrixSizes& sizes) {
  std::vector<int32_t> col_idx;
  col_idx.reserve(static_cast<size_t>(sizes.nnz));
  if (sizes.nnz > 0 && !words.next_line()) words.wrong("a line with columns must follow", "the file ends");
  for (int64_t i = 0; i < sizes.nnz; ++i) {
    col_idx.push_back(static_cast<int32_t>(words.number_in("a column", 0, sizes.cols - 1)));
  }
  words.end_line(fmt::format("{} columns", sizes.nnz));
  if (words.next_line()) words.wrong("the file must end after the columns", "another line");
  return col_idx;
}

std::shared_ptr<const CsrPattern> parse(std::string_view text, std::string_view name, std::string_view op) {
  Words words(text, name, op, " \t\r,");
  if (!words.next_line()) words.wrong("the first line must be 'rows, columns, nonzeros'", "an empty file");
  const MatrixSizes sizes = read_sizes(words, text);
  const std::vector<int64_t> row_ptr = read_offsets(words, sizes);
  std::vector<int32_t> col_idx = read_columns(words, sizes);
  for (int64_t row = 0; row < sizes.rows; ++row) {
    const std::span<int32_t> columns(col_idx.begin() + row_ptr[static_cast<size_t>(row)],
                                     col_idx.begin() + row_ptr[static_cast<size_t>(row) + 1]);
    std::ranges::sort(columns);
    if (const auto twice = std::ranges::adjacent_find(columns); twice != columns.end()) {
      fail<FormatError>(op, "every position must be given once",
                        fmt::format("'{}': row {}, column {} (from 0) is given twice", name, row, *twice));
    }
  }
  return CsrPattern::create(sizes.rows, sizes.cols, row_ptr, col_idx);
}

template <class T>
void write_line(AtomicFile& file, const std::vector<T>& numbers) {
  for (size_t i = 0; i < numbers.size(); ++i) file.write(fmt::format("{}{}", i == 0 ? "" : " ", numbers[i]));
  file.write("\n");
}

}  // namespace

std::shared_ptr<const CsrPattern> load_smtx(const std::filesystem::path& path, const SmtxOptions& options) {
  constexpr std::string_view kOp = "load_smtx";
  return parse(read_text(path, kOp, options.max_bytes), path.string(), kOp);
}

std::shared_ptr<const CsrPattern> parse_smtx(std::string_view text, std::string_view name) {
  return parse(text, name, "parse_smtx");
}

void save_smtx(const std::filesystem::path& path, const CsrPattern& pattern) {
  const Csr csr = pattern.csr();
  AtomicFile file(path, "save_smtx");
  file.write(fmt::format("{}, {}, {}\n", pattern.rows(), pattern.cols(), pattern.nnz()));
  write_line(file, csr.row_ptr);
  write_line(file, csr.col_idx);
  file.commit();
}

}  // namespace gossamer::io
