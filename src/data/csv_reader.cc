#include "data/csv_reader.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <system_error>

#include "gossamer/error.h"
#include "runtime/check.h"
#include "runtime/log.h"

namespace gossamer::data {
namespace {

// A field as messages show it: not too much of it.
std::string shown(std::string_view field) {
  constexpr size_t kShown = 40;
  return field.size() <= kShown ? fmt::format("'{}'", field) : fmt::format("'{}...'", field.substr(0, kShown));
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  const size_t begin = text.find_first_not_of(kBlanks);
  return begin == std::string_view::npos ? std::string_view()
                                         : text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// What std::from_chars makes of a field.
struct Parsed {
  bool is_number;
  bool in_range;
  double value;
};

Parsed parse(std::string_view field) {
  std::string_view text = trimmed(field);
  // from_chars takes no plus sign.
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool in_range = error != std::errc::result_out_of_range;
  const bool is_number = (error == std::errc() || !in_range) && end == text.data() + text.size();
  return {.is_number = is_number, .in_range = in_range, .value = value};
}

// Whether a first line is likely a row: all numbers, and not those that number the columns from 0 or 1.
bool looks_like_a_row(const std::vector<std::string>& names) {
  const size_t first = names[0] == "1" ? 1 : 0;
  bool counts = true;
  for (size_t i = 0; i < names.size(); ++i) {
    if (!parse(names[i]).is_number) return false;
    counts = counts && names[i] == std::to_string(first + i);
  }
  return !counts;
}

}  // namespace

CsvReader::CsvReader(io::ByteSource& source, std::string_view op, const CsvOptions& options)
    : source_(source), op_(op), options_(options), left_(options.max_bytes) {
  const char d = options.delimiter;
  if (d == '"' || d == '\r' || d == '\n') {
    fail<ConfigError>(op_, "the delimiter must not be a quote or a line end",
                      fmt::format("byte {}", static_cast<int>(d)));
  }
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (peek() && std::string_view(reinterpret_cast<const char*>(buffer_.data()), end_).starts_with(kByteOrderMark)) {
    at_ += kByteOrderMark.size();
  }
  const bool any = read_record();
  if (!any && options.header) fail_here("the first line must name the columns", "it has no line");
  if (!any) return;
  if (options.header) {
    std::set<std::string> seen;
    for (size_t i = 0; i < num_fields_; ++i) {
      if (!seen.insert(fields_[i]).second) {
        fail_at(i, "names of columns must differ", shown(fields_[i]),
                "set header = false where the first line is data");
      }
    }
    names_.assign(fields_.begin(), fields_.begin() + static_cast<std::ptrdiff_t>(num_fields_));
    if (looks_like_a_row(names_)) {
      rt::warn(
          "{}: the first line of '{}' is all numbers and taken for the names of the columns; set header = false "
          "where it is data",
          op_, source_.name());
    }
  } else {
    for (size_t i = 0; i < num_fields_; ++i) names_.push_back(std::to_string(i));
    first_is_pending_ = true;
  }
}

bool CsvReader::next(std::vector<double>& values) {
  if (first_is_pending_) {
    first_is_pending_ = false;
  } else if (!read_record()) {
    return false;
  }
  if (num_fields_ != names_.size()) {
    fail<FormatError>(op_, fmt::format("every line must have {} fields", names_.size()),
                      fmt::format("'{}', line {}: {}", source_.name(), record_line_, num_fields_));
  }
  values.resize(names_.size());
  for (size_t i = 0; i < values.size(); ++i) values[i] = number(i);
  return true;
}

double CsvReader::number(size_t column) const {
  const Parsed parsed = parse(fields_[column]);
  if (!parsed.is_number) fail_at(column, "a field must be a number", shown(fields_[column]));
  if (!parsed.in_range) fail_at(column, "a number must fit a double", shown(fields_[column]));
  return parsed.value;
}

// Reads the next line that is not empty into fields_; false at the end.
bool CsvReader::read_record() {
  for (;;) {
    if (!peek()) return false;
    record_line_ = line_;
    num_fields_ = 0;
    while (read_field()) {
    }
    if (num_fields_ > 1 || !fields_[0].empty()) return true;
  }
}

// Reads a field and what ends it; false where that is the end of the line.
bool CsvReader::read_field() {
  if (num_fields_ == fields_.size()) fields_.emplace_back();
  std::string& field = fields_[num_fields_++];
  field.clear();
  const bool quoted = peek() == '"';
  if (quoted) read_quoted();
  for (;;) {
    const std::optional<char> c = peek();
    if (!c) return false;
    // Ordinary bytes are taken a run at a time.
    const size_t begin = at_;
    while (at_ < end_ && !is_special(buffer_[at_])) ++at_;
    if (at_ > begin) {
      if (quoted) fail_here("nothing must follow the quote that ends a field", fmt::format("'{}'", *c));
      field.append(reinterpret_cast<const char*>(buffer_.data()) + begin, at_ - begin);
      continue;
    }
    skip();
    if (*c == options_.delimiter) return true;
    if (*c == '\n') return false;
    if (*c == '"') fail_here("a quote must stand at the beginning of a field, doubled inside", "one after other bytes");
    if (peek() != '\n') fail_here("a line must end in LF or CR LF", "a CR alone");
  }
}

// Reads from the quote that begins a field to the one that ends it.
void CsvReader::read_quoted() {
  const int64_t began = line_;
  std::string& field = fields_[num_fields_ - 1];
  skip();
  for (;;) {
    const std::optional<char> c = peek();
    if (!c) {
      line_ = began;
      fail_here("a quote must be closed", "one that is not");
    }
    skip();
    if (*c == '"') {
      if (peek() != '"') return;
      skip();
    }
    field.push_back(*c);
  }
}

bool CsvReader::is_special(uint8_t byte) const {
  return byte == static_cast<uint8_t>(options_.delimiter) || byte == '\n' || byte == '\r' || byte == '"';
}

// The next byte; none at the end.
std::optional<char> CsvReader::peek() {
  if (at_ == end_) {
    at_ = 0;
    end_ = source_.read(buffer_);
    left_ -= static_cast<int64_t>(end_);
    if (left_ < 0) {
      fail<FormatError>(op_, fmt::format("the text must have at most {} bytes", options_.max_bytes),
                        fmt::format("'{}' has more", source_.name()), "raise max_bytes if that is right");
    }
    if (end_ == 0) return std::nullopt;
  }
  return static_cast<char>(buffer_[at_]);
}

void CsvReader::skip() {
  if (buffer_[at_++] == '\n') ++line_;
}

void CsvReader::fail_at(size_t column, std::string_view must, std::string_view given, std::string_view remedy) const {
  const std::string name = column < names_.size() ? fmt::format(" ('{}')", names_[column]) : "";
  fail<FormatError>(
      op_, must, fmt::format("'{}', line {}, column {}{}: {}", source_.name(), record_line_, column + 1, name, given),
      remedy);
}

void CsvReader::fail_here(std::string_view must, std::string_view given) const {
  fail<FormatError>(
      op_, must,
      fmt::format("'{}', line {}, column {}: {}", source_.name(), line_, std::max<size_t>(1, num_fields_), given));
}

}  // namespace gossamer::data
