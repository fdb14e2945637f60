#include "io/json_cursor.h"

#include <system_error>

#include "runtime/integer_text.h"
#include "runtime/utf8.h"

namespace gossamer::io {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

void JsonCursor::refuse(std::string_view fault) const {
  origin_.refuse(fmt::format("{} must be as its format says", what_), fmt::format("byte {}: {}", at_, fault));
}

void JsonCursor::skip_space() {
  while (at_ < text_.size() && std::string_view(" \t\n\r").find(text_[at_]) != std::string_view::npos) ++at_;
}

char JsonCursor::peek() {
  skip_space();
  return at_ < text_.size() ? text_[at_] : '\0';
}

bool JsonCursor::take(char c) {
  if (peek() != c) return false;
  ++at_;
  return true;
}

void JsonCursor::expect(char c) {
  if (!take(c)) refuse(fmt::format("'{}' is missing", c));
}

void JsonCursor::end() {
  skip_space();
  if (at_ < text_.size()) refuse("something follows the end");
}

std::string JsonCursor::string() {
  if (peek() != '"') refuse("a string is missing");
  ++at_;
  // The escaped form is the longer one: the memory is taken once.
  size_t close = at_;
  while (close < text_.size() && text_[close] != '"') close += text_[close] == '\\' ? 2 : 1;
  if (close >= text_.size()) refuse("a string has no end");
  std::string out;
  out.reserve(close - at_);
  while (text_[at_] != '"') {
    if (text_[at_] == '\\') {
      escape(out);
      continue;
    }
    const size_t length = rt::decode_utf8(text_.substr(at_)).length;
    if (length == 0) refuse("a string must be UTF-8");
    if (static_cast<unsigned char>(text_[at_]) < 0x20) refuse("a control character in a string must be escaped");
    out.append(text_, at_, length);
    at_ += length;
  }
  ++at_;
  return out;
}

// The quote that closes the string stands behind any escape.
void JsonCursor::escape(std::string& out) {
  constexpr std::string_view kEscaped = "\"\\/bfnrt";
  constexpr std::string_view kMeaning = "\"\\/\b\f\n\r\t";
  const char c = text_[at_ + 1];
  if (const size_t i = kEscaped.find(c); i != std::string_view::npos) {
    out += kMeaning[i];
    at_ += 2;
    return;
  }
  if (c != 'u') refuse("no such escape");
  at_ += 2;
  uint32_t unit = hex4();
  if (unit >= 0xD800 && unit < 0xDC00 && text_.substr(at_, 2) == "\\u") {
    at_ += 2;
    const uint32_t low = hex4();
    if (low < 0xDC00 || low >= 0xE000) refuse("half of a surrogate pair");
    unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
  } else if (unit >= 0xD800 && unit < 0xE000) {
    refuse("half of a surrogate pair");
  }
  rt::append_utf8(unit, out);
}

uint32_t JsonCursor::hex4() {
  const std::string_view digits = text_.substr(at_, 4);
  uint32_t value = 0;
  const auto [stop, error] = rt::integer_from(digits, value, 16);
  if (digits.size() < 4 || error != std::errc() || stop != digits.data() + 4) refuse("\\u needs four hex digits");
  at_ += 4;
  return value;
}

int64_t JsonCursor::integer() {
  if (!is_digit(peek())) refuse("a number of digits alone is missing");
  const std::string_view rest = text_.substr(at_);
  int64_t value = 0;
  const auto [stop, error] = rt::integer_from(rest, value);
  if (error != std::errc()) refuse("numbers must be below 2^63");
  const auto length = static_cast<size_t>(stop - rest.data());
  if (length > 1 && rest[0] == '0') refuse("a number must not begin with 0");
  if (length < rest.size() && std::string_view(".eE").find(rest[length]) != std::string_view::npos) {
    refuse("a number must be of digits alone");
  }
  at_ += length;
  return value;
}

void JsonCursor::skip_value() {
  constexpr size_t kMostLevels = 64;
  std::string open;  // the closing brackets to come
  do {
    const char c = peek();
    if (c == '{' || c == '[') {
      if (open.size() == kMostLevels) refuse("values are nested too deep");
      ++at_;
      const char close = c == '{' ? '}' : ']';
      if (!take(close)) {
        open += close;
        if (c == '{') {
          string();
          expect(':');
        }
        continue;
      }
    } else if (c == '"') {
      string();
    } else if (c == '-' || is_digit(c)) {
      skip_number();
    } else {
      skip_literal(c == 't' ? "true" : c == 'f' ? "false" : "null");
    }
    // Behind a value: its lists may end, or go on.
    while (!open.empty() && take(open.back())) open.pop_back();
    if (!open.empty()) {
      expect(',');
      if (open.back() == '}') {
        string();
        expect(':');
      }
    }
  } while (!open.empty());
}

void JsonCursor::skip_number() {
  const auto digits = [&] {
    if (at_ == text_.size() || !is_digit(text_[at_])) refuse("a digit is missing");
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  };
  const auto next_is = [&](std::string_view any) {
    return at_ < text_.size() && any.find(text_[at_]) != std::string_view::npos;
  };
  if (next_is("-")) ++at_;
  if (next_is("0")) {
    ++at_;
  } else {
    digits();
  }
  if (next_is(".")) {
    ++at_;
    digits();
  }
  if (next_is("eE")) {
    ++at_;
    if (next_is("+-")) ++at_;
    digits();
  }
}

void JsonCursor::skip_literal(std::string_view literal) {
  if (text_.substr(at_, literal.size()) != literal) refuse("a value is missing");
  at_ += literal.size();
}

}  // namespace gossamer::io
