#include "runtime/json_text.h"

#include <fmt/format.h>

#include <cmath>
#include <cstddef>

namespace gossamer::rt {

namespace {

// Length of the valid UTF-8 sequence at the start of a text that is not empty, 0 where there is none.
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what lies above U+10FFFF.
  const unsigned second = byte(1);
  if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second >= 0xA0)) return 0;
  if ((lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second >= 0x90)) return 0;
  return length;
}

std::string lines(char open, const std::vector<std::string>& values, char close, int indent) {
  if (values.empty()) return {open, close};
  std::string text(1, open);
  for (size_t i = 0; i < values.size(); ++i) {
    text += fmt::format("{}\n{:{}}{}", i == 0 ? "" : ",", "", indent, values[i]);
  }
  return text + fmt::format("\n{:{}}{}", "", indent - 2, close);
}

}  // namespace

std::string json_text(std::string_view text) {
  std::string json = "\"";
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    const char c = text.front();
    if (length == 0) {
      json += "\xEF\xBF\xBD";
    } else if (c == '"' || c == '\\') {
      json += {'\\', c};
    } else if (length == 1 && static_cast<unsigned char>(c) < 0x20) {
      json += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      json += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return json + '"';
}

std::string json_text(double number) { return std::isfinite(number) ? fmt::format("{}", number) : "null"; }

std::string json_text(int64_t number) { return fmt::format("{}", number); }

std::string json_object(const std::vector<std::pair<std::string_view, std::string>>& members, int indent) {
  std::vector<std::string> values;
  values.reserve(members.size());
  for (const auto& [key, value] : members) values.push_back(fmt::format("{}: {}", json_text(key), value));
  return lines('{', values, '}', indent);
}

std::string json_list(const std::vector<std::string>& values, int indent) { return lines('[', values, ']', indent); }

}  // namespace gossamer::rt
