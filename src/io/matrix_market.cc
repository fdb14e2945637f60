#include "gossamer/io/matrix_market.h"

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "gossamer/dispatch.h"
#include "gossamer/error.h"
#include "io/atomic_file.h"
#include "io/words.h"
#include "runtime/check.h"

namespace gossamer::io {
namespace {

constexpr std::string_view kBanner = "%%MatrixMarket matrix coordinate ";

enum class Field { Pattern, Real, Integer };
enum class Symmetry { General, Symmetric, Skew };

struct Head {
  Field field;
  Symmetry symmetry;
};

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

Field field_of(const Words& words, std::string_view name) {
  if (name == "pattern") return Field::Pattern;
  if (name == "real") return Field::Real;
  if (name == "integer") return Field::Integer;
  words.wrong("the field must be pattern, real or integer", fmt::format("'{}'", name));
}

Symmetry symmetry_of(const Words& words, std::string_view name, Field field) {
  if (name == "general") return Symmetry::General;
  if (name == "symmetric") return Symmetry::Symmetric;
  if (name == "skew-symmetric" && field != Field::Pattern) return Symmetry::Skew;
  words.wrong("the symmetry must be general, symmetric or, of numbers, skew-symmetric", fmt::format("'{}'", name));
}

Head read_head(Words& words) {
  const bool found = words.next_line() && lower(words.word()) == "%%matrixmarket" && lower(words.word()) == "matrix";
  if (!found) words.wrong("the first line must begin with '%%MatrixMarket matrix'", "it does not");
  const std::string format = lower(words.word());
  if (format != "coordinate") {
    words.wrong("the format must be coordinate", fmt::format("'{}'", format),
                "save a dense matrix as .npy and read it by load_npy");
  }
  const Field field = field_of(words, lower(words.word()));
  const Symmetry symmetry = symmetry_of(words, lower(words.word()), field);
  words.end_line("the symmetry");
  return {field, symmetry};
}

struct NoValue {};

template <class Value>
struct Entry {
  int32_t row, col;
  [[no_unique_address]] Value value;
};

template <class Value>
Value read_value(Words& words) {
  if constexpr (std::is_same_v<Value, NoValue>) {
    return {};
  } else {
    return words.number<Value>("the value");
  }
}

// The mirrored value of a skew-symmetric matrix.
template <class Value>
Value negated(const Words& words, Value value) {
  if constexpr (std::is_same_v<Value, NoValue>) return value;
  if constexpr (std::is_same_v<Value, int64_t>) {
    if (value == std::numeric_limits<int64_t>::min()) words.wrong("the mirrored value must fit 64 bits", "-2^63");
    return -value;
  }
  if constexpr (std::is_same_v<Value, double>) return -value;
}

template <class Value>
std::vector<Entry<Value>> read_entries(Words& words, const MatrixSizes& sizes, Symmetry symmetry) {
  std::vector<Entry<Value>> entries;
  entries.reserve(static_cast<size_t>(symmetry == Symmetry::General ? sizes.nnz : 2 * sizes.nnz));
  for (int64_t i = 0; i < sizes.nnz; ++i) {
    if (!words.next_line('%')) {
      words.wrong(fmt::format("{} nonzeros must follow the sizes", sizes.nnz),
                  fmt::format("the file ends after {}", i));
    }
    const auto row = static_cast<int32_t>(words.number_in("the row", 1, sizes.rows) - 1);
    const auto col = static_cast<int32_t>(words.number_in("the column", 1, sizes.cols) - 1);
    const auto value = read_value<Value>(words);
    words.end_line(std::is_same_v<Value, NoValue> ? "row and column" : "row, column and value");
    if (symmetry == Symmetry::Skew && row == col) {
      words.wrong("the diagonal of a skew-symmetric matrix must be left out",
                  fmt::format("row {0}, column {0}", row + 1));
    }
    entries.push_back({row, col, value});
    if (symmetry != Symmetry::General && row != col) {
      entries.push_back({col, row, symmetry == Symmetry::Skew ? negated(words, value) : value});
    }
  }
  if (words.next_line('%')) words.wrong(fmt::format("the file must end after {} nonzeros", sizes.nnz), "another line");
  return entries;
}

template <class Value>
MatrixMarket read_matrix(Words& words, std::string_view name, std::string_view op, const MatrixSizes& sizes,
                         Symmetry symmetry) {
  auto entries = read_entries<Value>(words, sizes, symmetry);
  std::ranges::sort(entries,
                    [](const auto& a, const auto& b) { return a.row != b.row ? a.row < b.row : a.col < b.col; });
  const auto same = [](const auto& a, const auto& b) { return a.row == b.row && a.col == b.col; };
  if (const auto twice = std::ranges::adjacent_find(entries, same); twice != entries.end()) {
    fail<FormatError>(op, "every position must be given once",
                      fmt::format("'{}': row {}, column {} is given twice", name, twice->row + 1, twice->col + 1),
                      "add the values of a position up before saving");
  }
  Csr csr{.row_ptr = std::vector<int64_t>(static_cast<size_t>(sizes.rows) + 1), .col_idx = {}};
  csr.col_idx.reserve(entries.size());
  for (const auto& entry : entries) {
    ++csr.row_ptr[static_cast<size_t>(entry.row) + 1];
    csr.col_idx.push_back(entry.col);
  }
  for (size_t row = 1; row < csr.row_ptr.size(); ++row) csr.row_ptr[row] += csr.row_ptr[row - 1];
  MatrixMarket matrix{.pattern = CsrPattern::create(sizes.rows, sizes.cols, csr.row_ptr, csr.col_idx), .values = {}};
  if constexpr (!std::is_same_v<Value, NoValue>) {
    matrix.values = Tensor::empty({std::ssize(entries)}, dtype_of<Value>);
    std::ranges::transform(entries, matrix.values.template mutable_data<Value>(), &Entry<Value>::value);
  }
  return matrix;
}

MatrixMarket parse(std::string_view text, std::string_view name, std::string_view op) {
  Words words(text, name, op, " \t\r");
  const Head head = read_head(words);
  if (!words.next_line('%')) words.wrong("a line with rows, columns and nonzeros must follow", "the file ends");
  const MatrixSizes sizes = read_sizes(words, text);
  if (head.symmetry != Symmetry::General && sizes.rows != sizes.cols) {
    words.wrong("a symmetric matrix must be square", fmt::format("{} x {}", sizes.rows, sizes.cols));
  }
  switch (head.field) {
    case Field::Pattern:
      return read_matrix<NoValue>(words, name, op, sizes, head.symmetry);
    case Field::Real:
      return read_matrix<double>(words, name, op, sizes, head.symmetry);
    case Field::Integer:
      break;
  }
  return read_matrix<int64_t>(words, name, op, sizes, head.symmetry);
}

}  // namespace

MatrixMarket load_matrix_market(const std::filesystem::path& path, const MatrixMarketOptions& options) {
  constexpr std::string_view kOp = "load_matrix_market";
  return parse(read_text(path, kOp, options.max_bytes), path.string(), kOp);
}

MatrixMarket parse_matrix_market(std::string_view text, std::string_view name) {
  return parse(text, name, "parse_matrix_market");
}

void save_matrix_market(const std::filesystem::path& path, const CsrPattern& pattern, const Tensor& values) {
  constexpr std::string_view kOp = "save_matrix_market";
  if (values.defined() && values.shape() != Shape({pattern.nnz()})) {
    fail<ShapeError>(kOp, fmt::format("values must have shape [{}]", pattern.nnz()), values.shape().to_string(),
                     "Parameter::canonical_values() has it");
  }
  if (values.defined() && values.dtype() == DType::boolean) {
    fail<DTypeError>(kOp, "values must be numbers", "bool", "leave them out: the pattern says it all");
  }
  const std::string_view field = !values.defined() ? "pattern" : is_floating(values.dtype()) ? "real" : "integer";
  AtomicFile file(path, kOp);
  file.write(fmt::format("{}{} general\n{} {} {}\n", kBanner, field, pattern.rows(), pattern.cols(), pattern.nnz()));
  int64_t i = 0;
  const auto write_entries = [&](auto write_value) {
    pattern.for_each([&](const SlotPosition& p) {
      file.write(fmt::format("{} {}", p.row + 1, p.col + 1));
      write_value(i++);
      file.write("\n");
    });
  };
  if (!values.defined()) {
    write_entries([](int64_t) {});
  } else {
    dispatch_all(values.dtype(), [&]<class T>() {
      const T* const from = values.data<T>();
      write_entries([&](int64_t k) { file.write(fmt::format(" {}", from[k])); });
    });
  }
  file.commit();
}

}  // namespace gossamer::io
