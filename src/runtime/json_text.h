// JSON, as text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gossamer::rt {

// In quotes, escaped; each byte that is not part of valid UTF-8 becomes U+FFFD.
std::string json_text(std::string_view text);
// The shortest text that reads back as the same number; null unless finite.
std::string json_text(double number);
std::string json_text(int64_t number);

// An object or a list of values that are JSON already, one in each line, indented by `indent` spaces more than the
// closing bracket.
std::string json_object(const std::vector<std::pair<std::string_view, std::string>>& members, int indent);
std::string json_list(const std::vector<std::string>& values, int indent);

}  // namespace gossamer::rt
