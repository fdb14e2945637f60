// Whole numbers out of texts that may hold any bytes.
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <string_view>

namespace gossamer::rt {

// std::from_chars at the beginning of `text`. libstdc++ 12 finds digits by an index that it makes of a char without a
// cast, which UBSan (implicit-conversion) reports for bytes beyond ASCII: it sees letters and digits alone.
template <std::integral T>
std::from_chars_result integer_from(std::string_view text, T& value, int base = 10) {
  const auto within = [](char c, char first, char last) { return c >= first && c <= last; };
  size_t length = text.starts_with('-') ? 1 : 0;
  while (length < text.size() &&
         (within(text[length], '0', '9') || within(text[length], 'a', 'z') || within(text[length], 'A', 'Z'))) {
    ++length;
  }
  return std::from_chars(text.data(), text.data() + length, value, base);
}

}  // namespace gossamer::rt
