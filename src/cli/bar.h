// Bars that show how far something is.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/output.h"

namespace gossamer::cli {

// "label [####....]  50 %  fact  fact", of fewer than `columns` characters: the last facts give way, then the bar.
std::string bar_line(std::string_view label, double share, std::vector<std::string> facts, int columns);

// The bar of work that ends with output of its own: on standard error, only where that is a terminal, and gone at the
// end.
class WorkBar {
 public:
  // The work has parts, which follow one another and weigh the same. For short work nothing is drawn.
  enum class Work { Short, Long };
  // To read, change and write so many bytes of tensors; from 64 MiB on it takes some half a second.
  static Work of_bytes(int64_t bytes) { return bytes >= int64_t{64} << 20 ? Work::Long : Work::Short; }
  WorkBar(std::string label, int parts, Work work);
  ~WorkBar();
  WorkBar(const WorkBar&) = delete;
  WorkBar& operator=(const WorkBar&) = delete;

  // The next part begins, which has so many steps.
  void begin(int64_t steps);
  // Draws at most ten times a second.
  void advance(int64_t steps = 1);

 private:
  std::string label_;
  int parts_;
  bool draws_;
  int part_ = -1;
  int64_t steps_ = 0, done_ = 0;   // of the part
  std::optional<LineGuard> line_;  // while a bar is on the terminal
  std::chrono::steady_clock::time_point drawn_;
};

}  // namespace gossamer::cli
