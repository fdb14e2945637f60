// Tables of text, and how their cells are written.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gossamer::sparse {

// The first row is the head, underlined. The first column is aligned left, all others right; each line ends with \n.
std::string format_table(const std::vector<std::vector<std::string>>& rows);

std::string percent(double share, int digits = 1);
std::string kib(int64_t bytes);

}  // namespace gossamer::sparse
