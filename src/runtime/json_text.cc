#include "runtime/json_text.h"

#include <fmt/format.h>

#include <cmath>
#include <cstddef>

#include "runtime/utf8.h"

namespace gossamer::rt {

namespace {

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
    const size_t length = decode_utf8(text).length;
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
