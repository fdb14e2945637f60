// Standard output, which may be a full disk or a closed pipe, and lines on a terminal that are drawn anew.
#pragma once

#include <string_view>

namespace gossamer::cli {

// Throws StateError when what was printed cannot be written.
void flush_output();

// On standard error, in place of a line that is being drawn there.
void print_warning(std::string_view text);

// A line that is drawn again and again, on standard output or standard error. While one lives, a program that is ended
// by SIGINT or SIGTERM first ends it. There is one at a time.
class LineGuard {
 public:
  explicit LineGuard(int fd);
  ~LineGuard();
  LineGuard(const LineGuard&) = delete;
  LineGuard& operator=(const LineGuard&) = delete;

  // In place of what was drawn before. A terminal that is gone is no error here.
  void draw(std::string_view text);
  // Leaves an empty line.
  void erase() { draw({}); }
};

}  // namespace gossamer::cli
