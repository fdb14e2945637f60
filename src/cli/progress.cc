#include "cli/progress.h"

#include <fmt/ranges.h>
#include <unistd.h>

#include <utility>

#include "cli/bar.h"
#include "cli/output.h"
#include "cli/terminal.h"

namespace gossamer::cli {

Progress::Progress(std::string label, int64_t steps, int64_t epochs)
    : label_(std::move(label)), steps_(steps), epochs_(epochs), terminal_(redraws(STDOUT_FILENO)) {}

std::vector<std::string> Progress::facts(const TrainingFigures& figures) const {
  return {fmt::format("epoch {:>{}}/{}", figures.epoch, std::to_string(epochs_).size(), epochs_),
          fmt::format("loss {:.3f}", figures.loss), fmt::format("accuracy {:5.1f} %", 100 * figures.accuracy),
          fmt::format("{:>6.0f} images/s", figures.images_per_s)};
}

void Progress::draw(const TrainingFigures& figures) {
  flush_output();
  if (!line_) line_.emplace(STDOUT_FILENO);
  const double share = static_cast<double>(figures.step) / static_cast<double>(steps_);
  line_->draw(bar_line(fmt::format("{:<6}", label_), share, facts(figures), columns(STDOUT_FILENO)));
}

void Progress::step(const TrainingFigures& figures) {
  using namespace std::chrono_literals;
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || now - drawn_ < 100ms) return;
  drawn_ = now;
  draw(figures);
}

void Progress::end_epoch(const TrainingFigures& figures) {
  if (terminal_) return;
  fmt::print("{:<6}  {}\n", label_, fmt::join(facts(figures), "  "));
  flush_output();
}

void Progress::finish(const TrainingFigures& figures) {
  if (!terminal_) return;
  draw(figures);
  fmt::print("\n");
  flush_output();
  line_.reset();
}

}  // namespace gossamer::cli
