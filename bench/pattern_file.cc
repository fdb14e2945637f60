#include "bench/pattern_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/check.h"

namespace gossamer::bench {

namespace {

// Goes through a text word by word; words are separated by blanks, tabs and commas, and end with their line.
class Words {
 public:
  Words(std::string_view text, std::string_view name) : text_(text), name_(name) {}

  // Goes to the next line that is not blank, and past those that begin with `comment`; false at the end of the text.
  bool next_line(char comment = '\0') {
    while (next_begin_ < text_.size()) {
      const size_t end = std::min(text_.find('\n', next_begin_), text_.size());
      line_ = text_.substr(next_begin_, end - next_begin_);
      next_begin_ = end + 1;
      ++number_;
      skip_blanks();
      if (!line_.empty() && (comment == '\0' || line_.front() != comment)) return true;
    }
    line_ = {};
    return false;
  }

  // The next word of the line, empty at its end.
  std::string_view word() {
    const size_t length = std::min(line_.find_first_of(kBlanks), line_.size());
    const std::string_view found = line_.substr(0, length);
    line_.remove_prefix(length);
    skip_blanks();
    return found;
  }

  // The next word as a number in [low, high].
  int64_t number(std::string_view what, int64_t low, int64_t high) {
    const std::string_view text = word();
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size() || value < low || value > high) {
      wrong(fmt::format("{} must be a number in [{}, {}]", what, low, high),
            text.empty() ? "the line ends" : fmt::format("'{}'", text));
    }
    return value;
  }

  void end_line(std::string_view what) {
    if (!line_.empty()) wrong(fmt::format("the line must end after {}", what), fmt::format("'{}' follows", word()));
  }

  [[noreturn]] void wrong(std::string_view must, std::string_view given) const {
    fail<FormatError>(fmt::format("{}:{}", name_, std::max<int64_t>(1, number_)), must, given);
  }

 private:
  static constexpr std::string_view kBlanks = " \t\r,";

  void skip_blanks() { line_.remove_prefix(std::min(line_.find_first_not_of(kBlanks), line_.size())); }

  std::string_view text_;
  std::string_view name_;
  std::string_view line_;  // what is left of it
  size_t next_begin_ = 0;
  int64_t number_ = 0;
};

constexpr int64_t kMaxSize = std::numeric_limits<int32_t>::max();

struct Sizes {
  int64_t rows, cols, nnz;
};

// `text` bounds nnz before memory is asked for: a nonzero takes at least two characters.
Sizes read_sizes(Words& words, std::string_view text) {
  Sizes sizes{};
  sizes.rows = words.number("the number of rows", 1, kMaxSize);
  sizes.cols = words.number("the number of columns", 1, kMaxSize);
  sizes.nnz = words.number("the number of nonzeros", 0, sizes.rows * sizes.cols);
  words.end_line("rows, columns and nonzeros");
  if (sizes.nnz > static_cast<int64_t>(text.size())) {
    words.wrong("the file must hold all nonzeros", fmt::format("{} in a file of {} bytes", sizes.nnz, text.size()));
  }
  return sizes;
}

// Rows may come unsorted; a column twice in one is an error.
std::shared_ptr<const CsrPattern> create(std::string_view name, int64_t rows, int64_t cols,
                                         const std::vector<int64_t>& row_ptr, std::vector<int32_t>& col_idx) {
  for (int64_t row = 0; row < rows; ++row) {
    const std::span<int32_t> columns(col_idx.begin() + row_ptr[static_cast<size_t>(row)],
                                     col_idx.begin() + row_ptr[static_cast<size_t>(row) + 1]);
    std::ranges::sort(columns);
    if (const auto twice = std::ranges::adjacent_find(columns); twice != columns.end()) {
      fail<FormatError>(name, "every position must be given once",
                        fmt::format("row {}, column {} (from 0) is given twice", row, *twice));
    }
  }
  return CsrPattern::create(rows, cols, row_ptr, col_idx);
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

struct MatrixMarketHead {
  bool values;
  bool symmetric;
};

MatrixMarketHead read_head(Words& words) {
  const bool found = words.next_line() && lower(words.word()) == "%%matrixmarket" && lower(words.word()) == "matrix";
  if (!found) words.wrong("the first line must begin with '%%MatrixMarket matrix'", "it does not");
  const std::string format = lower(words.word());
  if (format != "coordinate") words.wrong("the format must be coordinate", fmt::format("'{}'", format));
  const std::string field = lower(words.word());
  if (field != "pattern" && field != "real" && field != "integer") {
    words.wrong("the field must be pattern, real or integer", fmt::format("'{}'", field));
  }
  const std::string symmetry = lower(words.word());
  if (symmetry != "general" && symmetry != "symmetric") {
    words.wrong("the symmetry must be general or symmetric", fmt::format("'{}'", symmetry));
  }
  return {field != "pattern", symmetry == "symmetric"};
}

}  // namespace

std::shared_ptr<const CsrPattern> parse_matrix_market(std::string_view text, std::string_view name) {
  Words words(text, name);
  const MatrixMarketHead head = read_head(words);
  if (!words.next_line('%')) words.wrong("a line with rows, columns and nonzeros must follow", "the file ends");
  const Sizes sizes = read_sizes(words, text);
  if (head.symmetric && sizes.rows != sizes.cols) {
    words.wrong("a symmetric matrix must be square", fmt::format("{} x {}", sizes.rows, sizes.cols));
  }

  std::vector<std::pair<int32_t, int32_t>> positions;
  positions.reserve(static_cast<size_t>(head.symmetric ? 2 * sizes.nnz : sizes.nnz));
  for (int64_t i = 0; i < sizes.nnz; ++i) {
    if (!words.next_line('%')) {
      words.wrong(fmt::format("{} nonzeros must follow the sizes", sizes.nnz),
                  fmt::format("the file ends after {}", i));
    }
    const auto row = static_cast<int32_t>(words.number("the row", 1, sizes.rows) - 1);
    const auto col = static_cast<int32_t>(words.number("the column", 1, sizes.cols) - 1);
    if (head.values && words.word().empty()) words.wrong("a value must follow row and column", "the line ends");
    words.end_line(head.values ? "row, column and value" : "row and column");
    positions.emplace_back(row, col);
    if (head.symmetric && row != col) positions.emplace_back(col, row);
  }
  if (words.next_line('%')) words.wrong(fmt::format("the file must end after {} nonzeros", sizes.nnz), "another line");

  std::vector<int64_t> row_ptr(static_cast<size_t>(sizes.rows) + 1);
  for (const auto& [row, col] : positions) ++row_ptr[static_cast<size_t>(row) + 1];
  for (size_t row = 1; row < row_ptr.size(); ++row) row_ptr[row] += row_ptr[row - 1];
  std::vector<int32_t> col_idx(positions.size());
  std::vector<int64_t> next = row_ptr;
  for (const auto& [row, col] : positions) col_idx[static_cast<size_t>(next[static_cast<size_t>(row)]++)] = col;
  return create(name, sizes.rows, sizes.cols, row_ptr, col_idx);
}

std::shared_ptr<const CsrPattern> parse_smtx(std::string_view text, std::string_view name) {
  Words words(text, name);
  if (!words.next_line()) words.wrong("the first line must be 'rows, columns, nonzeros'", "an empty file");
  const Sizes sizes = read_sizes(words, text);
  if (sizes.rows > static_cast<int64_t>(text.size())) {
    words.wrong("the file must hold an offset for every row",
                fmt::format("{} in a file of {} bytes", sizes.rows, text.size()));
  }

  if (!words.next_line()) words.wrong("a line with row offsets must follow", "the file ends");
  std::vector<int64_t> row_ptr;
  row_ptr.reserve(static_cast<size_t>(sizes.rows) + 1);
  for (int64_t row = 0; row <= sizes.rows; ++row) {
    // Ascending from 0 to nnz.
    const int64_t low = row == 0 ? 0 : row == sizes.rows ? sizes.nnz : row_ptr.back();
    row_ptr.push_back(words.number("a row offset", low, row == 0 ? 0 : sizes.nnz));
  }
  words.end_line(fmt::format("{} row offsets", sizes.rows + 1));

  std::vector<int32_t> col_idx;
  col_idx.reserve(static_cast<size_t>(sizes.nnz));
  if (sizes.nnz > 0 && !words.next_line()) words.wrong("a line with columns must follow", "the file ends");
  for (int64_t i = 0; i < sizes.nnz; ++i) {
    col_idx.push_back(static_cast<int32_t>(words.number("a column", 0, sizes.cols - 1)));
  }
  words.end_line(fmt::format("{} columns", sizes.nnz));
  if (words.next_line()) words.wrong("the file must end after the columns", "another line");
  return create(name, sizes.rows, sizes.cols, row_ptr, col_idx);
}

std::shared_ptr<const CsrPattern> read_pattern(const std::filesystem::path& file) {
  const std::string name = file.string();
  const std::string ending = lower(file.extension().string());
  if (ending != ".mtx" && ending != ".smtx") {
    fail<ConfigError>("read_pattern", "the file's name must end in .mtx or .smtx", fmt::format("'{}'", name));
  }
  std::ifstream in(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in || std::filesystem::is_directory(file)) {
    fail<ConfigError>("read_pattern", "the file must be readable", fmt::format("'{}'", name));
  }
  return ending == ".mtx" ? parse_matrix_market(text, name) : parse_smtx(text, name);
}

}  // namespace gossamer::bench
