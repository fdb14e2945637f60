// What standard output or standard error leads to.
#pragma once

namespace gossamer::cli {

// Whether a line on it can be drawn anew: a terminal, unless TERM calls it dumb.
bool redraws(int fd);
// Of the terminal; 80 where it does not say.
int columns(int fd);

}  // namespace gossamer::cli
