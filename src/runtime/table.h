// Tables of text, and how their cells are written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace gossamer::rt {

// A line for each row. The first `left` columns are aligned left, all others right; a row may be shorter than others,
// and an empty one is a rule.
std::string format_table(const std::vector<std::vector<std::string>>& rows, size_t left = 1);

std::string percent(double share, int digits = 1);
std::string kib(int64_t bytes);

}  // namespace gossamer::rt
