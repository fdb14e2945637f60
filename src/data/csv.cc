#include "gossamer/data/csv.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include "data/csv_reader.h"
#include "gossamer/error.h"
#include "io/byte_source.h"
#include "runtime/check.h"

namespace gossamer::data {
namespace {

CsvTable read_table(io::ByteSource& source, std::string_view op, const CsvOptions& options) {
  CsvReader reader(source, op, options);
  std::vector<double> values;
  int64_t rows = 0;
  for (std::vector<double> row; reader.next(row); ++rows) values.insert(values.end(), row.begin(), row.end());
  return {.names = reader.names(), .values = Tensor::from(values, {rows, std::ssize(reader.names())})};
}

float to_float(const CsvReader& reader, size_t column, double value) {
  if (std::isfinite(value) && std::abs(value) > static_cast<double>(std::numeric_limits<float>::max())) {
    reader.fail_at(column, "a number must fit a float", fmt::format("{}", value));
  }
  return static_cast<float>(value);
}

int64_t to_class(const CsvReader& reader, size_t column, double value) {
  constexpr double kClasses = 0x1p53;
  if (!(value >= 0 && value < kClasses) || value != std::floor(value)) {
    reader.fail_at(column, "a class must be a whole number from 0 on", fmt::format("{}", value),
                   "target = CsvTarget::Value takes values to predict");
  }
  return static_cast<int64_t>(value);
}

size_t label_column(const std::vector<std::string>& names, const std::string& label) {
  if (label.empty()) return names.size() - 1;
  const auto found = std::ranges::find(names, label);
  if (found == names.end()) {
    fail<ConfigError>("load_csv", fmt::format("label must be one of {}", fmt::join(names, ", ")),
                      fmt::format("'{}'", label));
  }
  return static_cast<size_t>(found - names.begin());
}

}  // namespace

CsvTable read_csv(const std::filesystem::path& path, const CsvOptions& options) {
  return read_table(*io::open_file(path, "read_csv"), "read_csv", options);
}

CsvTable parse_csv(std::string_view text, std::string_view name, const CsvOptions& options) {
  const std::span bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  return read_table(*io::open_memory(bytes, name), "parse_csv", options);
}

std::shared_ptr<const TensorDataset> load_csv(const std::filesystem::path& path, const CsvDatasetOptions& options) {
  constexpr std::string_view kOp = "load_csv";
  const auto source = io::open_file(path, kOp);
  CsvReader reader(*source, kOp, options.csv);
  if (reader.names().empty()) {
    fail<FormatError>(kOp, "the file must have a line", fmt::format("'{}' has none", source->name()));
  }
  const size_t label = label_column(reader.names(), options.label);
  std::vector<float> x;
  std::vector<float> values;
  std::vector<int64_t> classes;
  int64_t rows = 0;
  for (std::vector<double> row; reader.next(row); ++rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      if (i != label) {
        x.push_back(to_float(reader, i, row[i]));
      } else if (options.target == CsvTarget::Class) {
        classes.push_back(to_class(reader, i, row[i]));
      } else {
        values.push_back(to_float(reader, i, row[i]));
      }
    }
  }
  return std::make_shared<const TensorDataset>(
      Tensor::from(x, {rows, std::ssize(reader.names()) - 1}),
      options.target == CsvTarget::Class ? Tensor::from(classes, {rows}) : Tensor::from(values, {rows, 1}));
}

}  // namespace gossamer::data
