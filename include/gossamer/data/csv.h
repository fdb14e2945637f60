// Numbers in CSV files (RFC 4180).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/data/dataset.h"

#pragma GCC visibility push(default)
namespace gossamer::data {

struct CsvOptions {
  char delimiter = ',';                  // any byte but a quote, a carriage return or a line feed
  bool header = true;                    // the first line names the columns
  int64_t max_bytes = int64_t{1} << 30;  // of the text; a longer file is refused
};

struct CsvTable {
  std::vector<std::string> names;  // of the columns; "0", "1", ... without a header
  Tensor values;                   // f64 [rows, columns]
};

// Reads a table of numbers, plain or compressed by gzip. Fields may be quoted, and then hold delimiters, line ends and
// doubled quotes. Lines end in LF or CR LF; empty lines and a byte order mark are passed over. Numbers are those of
// std::from_chars, whatever the locale: decimal, with an exponent or not, inf, nan; a sign and blanks around are fine.
// Throws FormatError, naming file, line and column, for a field that is no number or beyond double, a wrong number of
// fields, or a quote that is not closed or stands inside a field; and when there is no header, a name comes twice, or
// the file is corrupt or too long. FileError where it cannot be read, ConfigError for a delimiter that cannot be one.
// Warns about a header of numbers that do not count the columns: it is likely a row.
CsvTable read_csv(const std::filesystem::path& path, const CsvOptions& options = {});

// The same for a text in memory. `name` stands for the file in error messages.
CsvTable parse_csv(std::string_view text, std::string_view name = "(memory)", const CsvOptions& options = {});

// What a model is to predict: a class (a whole number from 0 on) or a value.
enum class CsvTarget { Class, Value };

struct CsvDatasetOptions {
  CsvOptions csv = {};
  std::string label = {};  // the column of targets by name, "0", "1", ... without a header; empty: the last one
  CsvTarget target = CsvTarget::Class;
};

// x: f32 [rows, other columns], in their order; y: i64 [rows] for classes, f32 [rows, 1] for values. Throws as
// read_csv, also for a number beyond float and a label that is no class; ConfigError, listing the names, when there is
// no such column.
std::shared_ptr<const TensorDataset> load_csv(const std::filesystem::path& path, const CsvDatasetOptions& options = {});

}  // namespace gossamer::data
#pragma GCC visibility pop
