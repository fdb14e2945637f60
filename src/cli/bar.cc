#include "cli/bar.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "cli/terminal.h"

namespace gossamer::cli {

std::string bar_line(std::string_view label, double share, std::vector<std::string> facts, int columns) {
  constexpr int kWidest = 24, kNarrowest = 8;
  // The last column stays free: some terminals go to the next line behind it.
  const auto room = [&] {
    size_t taken = label.size() + std::string_view(" [] 100 %").size();
    for (const std::string& fact : facts) taken += 2 + fact.size();
    return columns - 1 - static_cast<int>(taken);
  };
  while (!facts.empty() && room() < kNarrowest) facts.pop_back();
  const int width = std::clamp(room(), 0, kWidest);
  const auto filled = static_cast<size_t>(width * share);
  std::string line(label);
  if (width > 0) line += fmt::format(" [{:.<{}}]", std::string(filled, '#'), width);
  line += fmt::format(" {:3} %", static_cast<int>(100 * share));
  for (const std::string& fact : facts) line += "  " + fact;
  return line.substr(0, static_cast<size_t>(std::max(columns - 1, 0)));
}

WorkBar::WorkBar(std::string label, int parts, Work work)
    : label_(std::move(label)), parts_(parts), draws_(work == Work::Long && redraws(STDERR_FILENO)) {}

WorkBar::~WorkBar() {
  if (line_) line_->erase();
}

void WorkBar::begin(int64_t steps) {
  ++part_;
  steps_ = steps;
  done_ = 0;
}

void WorkBar::advance(int64_t steps) {
  using namespace std::chrono_literals;
  done_ += steps;
  const auto now = std::chrono::steady_clock::now();
  if (!draws_ || now - drawn_ < 100ms) return;
  drawn_ = now;
  if (!line_) line_.emplace(STDERR_FILENO);
  const double of_part = steps_ == 0 ? 1 : static_cast<double>(done_) / static_cast<double>(steps_);
  line_->draw(bar_line(label_, (part_ + of_part) / parts_, {}, columns(STDERR_FILENO)));
}

}  // namespace gossamer::cli
