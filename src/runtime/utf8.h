// Code points in UTF-8 (RFC 3629).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gossamer::rt {

constexpr size_t kCodePoints = 0x110000;

struct Utf8 {
  char32_t code_point = 0;
  size_t length = 0;  // bytes; 0 where the text begins with no character
};

// The first character of a text. Overlong forms, surrogates and what lies beyond U+10FFFF are none.
inline Utf8 decode_utf8(std::string_view text) {
  if (text.empty()) return {};
  const auto byte = [&](size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[i])); };
  const char32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC0 || first > 0xF7 || text.size() < length) return {};
  char32_t c = first & (0x7FU >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return {};
    c = c << 6 | (byte(i) & 0x3FU);
  }
  constexpr char32_t kSmallest[] = {0x80, 0x800, 0x10000};
  if (c < kSmallest[length - 2] || c >= kCodePoints || (c >= 0xD800 && c < 0xE000)) return {};
  return {c, length};
}

inline bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = decode_utf8(text).length;
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

inline void append_utf8(char32_t c, std::string& text) {
  const auto push = [&](char32_t byte) { text.push_back(static_cast<char>(static_cast<unsigned char>(byte))); };
  if (c < 0x80) return push(c);
  if (c < 0x800) {
    push(0xC0U | c >> 6);
  } else {
    if (c < 0x10000) {
      push(0xE0U | c >> 12);
    } else {
      push(0xF0U | c >> 18);
      push(0x80U | (c >> 12 & 0x3FU));
    }
    push(0x80U | (c >> 6 & 0x3FU));
  }
  push(0x80U | (c & 0x3FU));
}

}  // namespace gossamer::rt
