// Standard output, which may be a full disk or a closed pipe.
#pragma once

namespace gossamer::cli {

// Throws StateError when what was printed cannot be written.
void flush_output();

// While one lives, a program that is ended by SIGINT or SIGTERM first ends its line on the terminal.
class LineGuard {
 public:
  LineGuard();
  ~LineGuard();
  LineGuard(const LineGuard&) = delete;
  LineGuard& operator=(const LineGuard&) = delete;
};

}  // namespace gossamer::cli
