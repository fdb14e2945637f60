// Lines and words of files that hold numbers as text.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "io/byte_source.h"
#include "runtime/check.h"
#include "runtime/integer_text.h"

namespace gossamer::io {

// A whole text file, plain or compressed by gzip. Throws FormatError where it is longer than max_bytes.
inline std::string read_text(const std::filesystem::path& path, std::string_view op, int64_t max_bytes) {
  const auto source = open_file(path, op);
  std::string text = read_bytes<std::string>(*source, max_bytes);
  if (!at_end(*source)) {
    fail<FormatError>(op, fmt::format("the text must have at most {} bytes", max_bytes),
                      fmt::format("'{}' has more", source->name()), "raise max_bytes if that is right");
  }
  return text;
}

// Goes through a text word by word. Words are separated by `separators` and end with their line. Errors begin with
// `op` and name the text and the line.
class Words {
 public:
  Words(std::string_view text, std::string_view name, std::string_view op, std::string_view separators)
      : text_(text), name_(name), op_(op), separators_(separators) {}

  // Goes to the next line that is not blank, and past those that begin with `comment`; false at the end of the text.
  bool next_line(char comment = '\0') {
    while (next_begin_ < text_.size()) {
      const size_t end = std::min(text_.find('\n', next_begin_), text_.size());
      line_ = text_.substr(next_begin_, end - next_begin_);
      next_begin_ = end + 1;
      ++number_;
      skip_separators();
      if (!line_.empty() && (comment == '\0' || line_.front() != comment)) return true;
    }
    line_ = {};
    return false;
  }

  // The next word of the line, empty at its end.
  std::string_view word() {
    const size_t length = std::min(line_.find_first_of(separators_), line_.size());
    const std::string_view found = line_.substr(0, length);
    line_.remove_prefix(length);
    skip_separators();
    return found;
  }

  // The next word as a number. `what` names it in messages.
  template <class T>
  T number(std::string_view what) {
    const std::string_view found = word();
    std::string_view digits = found;
    // from_chars takes no plus sign.
    if (digits.starts_with('+') && !digits.starts_with("+-")) digits.remove_prefix(1);
    T value{};
    const auto [end, error] = from_text(digits, value);
    if (error == std::errc::result_out_of_range) wrong(fmt::format("{} must fit 64 bits", what), shown(found));
    if (error != std::errc() || end != digits.data() + digits.size()) {
      wrong(fmt::format("{} must be a {}number", what, std::is_integral_v<T> ? "whole " : ""), shown(found));
    }
    return value;
  }

  // The next word as a number in [low, high].
  int64_t number_in(std::string_view what, int64_t low, int64_t high) {
    const std::string_view rest = line_;
    const auto value = number<int64_t>(what);
    if (value < low || value > high) {
      line_ = rest;
      wrong(fmt::format("{} must be in [{}, {}]", what, low, high), shown(word()));
    }
    return value;
  }

  void end_line(std::string_view what) {
    if (!line_.empty()) wrong(fmt::format("the line must end after {}", what), shown(word()) + " follows");
  }

  // `given` on the line that was read last.
  [[noreturn]] void wrong(std::string_view must, std::string_view given, std::string_view remedy = {}) const {
    fail<FormatError>(op_, must, fmt::format("'{}', line {}: {}", name_, std::max<int64_t>(1, number_), given), remedy);
  }

 private:
  static std::from_chars_result from_text(std::string_view text, int64_t& value) {
    return rt::integer_from(text, value);
  }
  static std::from_chars_result from_text(std::string_view text, double& value) {
    return std::from_chars(text.data(), text.data() + text.size(), value);
  }

  // A word as messages show it: not too much of it.
  static std::string shown(std::string_view word) {
    constexpr size_t kShown = 40;
    if (word.empty()) return "the line ends";
    return word.size() <= kShown ? fmt::format("'{}'", word) : fmt::format("'{}...'", word.substr(0, kShown));
  }

  void skip_separators() { line_.remove_prefix(std::min(line_.find_first_not_of(separators_), line_.size())); }

  std::string_view text_;
  std::string_view name_;
  std::string_view op_;
  std::string_view separators_;
  std::string_view line_;  // what is left of it
  size_t next_begin_ = 0;
  int64_t number_ = 0;
};

struct MatrixSizes {
  int64_t rows, cols, nnz;
};

// Reads the line with rows, columns and nonzeros. The text bounds what they make others take memory for: a nonzero
// takes at least two characters of it.
inline MatrixSizes read_sizes(Words& words, std::string_view text) {
  constexpr int64_t kMaxSize = std::numeric_limits<int32_t>::max();
  // A file may have many empty rows, but not gigabytes of them.
  constexpr int64_t kFreeRows = int64_t{1} << 18;
  const auto bytes = static_cast<int64_t>(text.size());
  MatrixSizes sizes{};
  sizes.rows = words.number_in("the number of rows", 0, std::min(kMaxSize, kFreeRows + bytes));
  sizes.cols = words.number_in("the number of columns", 0, kMaxSize);
  sizes.nnz = words.number_in("the number of nonzeros", 0, sizes.rows * sizes.cols);
  words.end_line("rows, columns and nonzeros");
  if (sizes.nnz > bytes) {
    words.wrong("the file must hold all nonzeros", fmt::format("{} of them in {} bytes", sizes.nnz, bytes));
  }
  return sizes;
}

}  // namespace gossamer::io
