// Rows of numbers of a CSV file, one at a time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/data/csv.h"
#include "io/byte_source.h"

namespace gossamer::data {

class CsvReader {
 public:
  // Reads the header, or, without one, counts the columns of the first line. `op` is the function that errors name.
  CsvReader(io::ByteSource& source, std::string_view op, const CsvOptions& options);

  // Of the columns. Empty where the file has no line.
  const std::vector<std::string>& names() const { return names_; }
  // Reads the next row into `values`, one number for each column; false at the end.
  bool next(std::vector<double>& values);

  // Throws FormatError about a column of the row that was read last.
  [[noreturn]] void fail_at(size_t column, std::string_view must, std::string_view given,
                            std::string_view remedy = {}) const;

 private:
  bool read_record();
  bool read_field();
  void read_quoted();
  double number(size_t column) const;
  bool is_special(uint8_t byte) const;
  std::optional<char> peek();
  void skip();
  [[noreturn]] void fail_here(std::string_view must, std::string_view given) const;

  io::ByteSource& source_;
  std::string_view op_;
  CsvOptions options_;
  std::array<uint8_t, size_t{64} << 10> buffer_;
  size_t at_ = 0;
  size_t end_ = 0;
  int64_t left_;                     // bytes that may still come
  int64_t line_ = 1;                 // of the next byte
  int64_t record_line_ = 1;          // where the record begins
  std::vector<std::string> fields_;  // of the record; the strings are used again
  size_t num_fields_ = 0;
  std::vector<std::string> names_;
  bool first_is_pending_ = false;  // a first row that was read to count its columns
};

}  // namespace gossamer::data
