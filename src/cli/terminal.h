// What standard output or standard error leads to, and what may be shown there.
#pragma once

#include <string>
#include <string_view>

namespace gossamer::cli {

// Whether a line on it can be drawn anew: a terminal, unless TERM calls it dumb.
bool redraws(int fd);
// Of the terminal; 80 where it does not say.
int columns(int fd);

// The text with ? for control characters, which a terminal would obey and XML forbids.
std::string printable(std::string_view text);

}  // namespace gossamer::cli
