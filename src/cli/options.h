// What options take: functions that say what is wrong with a text, or "".
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace gossamer::cli {

using Check = std::function<std::string(const std::string& text)>;

// One of these texts; a misspelt one gets a guess.
Check one_of(std::vector<std::string> texts);

// A whole number from 0 to 2^64 - 1; CLI11 would wrap -1.
std::string check_seed(const std::string& text);

// At least 0 and below 1.
std::string check_sparsity(const std::string& text);

}  // namespace gossamer::cli
