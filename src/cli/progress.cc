#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "cli/output.h"

namespace gossamer::cli {

Progress::Progress(std::string label, int64_t steps, int64_t epochs)
    : label_(std::move(label)), steps_(steps), epochs_(epochs), terminal_(isatty(STDOUT_FILENO) == 1) {}

std::string Progress::text(const TrainingFigures& figures) const {
  return fmt::format("epoch {:>{}}/{}  loss {:.3f}  accuracy {:5.1f} %  {:>6.0f} images/s", figures.epoch,
                     std::to_string(epochs_).size(), epochs_, figures.loss, 100 * figures.accuracy,
                     figures.images_per_s);
}

void Progress::draw(const TrainingFigures& figures) const {
  constexpr int64_t kWidth = 24;
  const auto filled = static_cast<size_t>(kWidth * figures.step / steps_);
  const std::string bar = std::string(filled, '#') + std::string(kWidth - filled, '.');
  fmt::print("\r{:<6} [{}] {:3} %  {}", label_, bar, 100 * figures.step / steps_, text(figures));
  flush_output();
}

void Progress::step(const TrainingFigures& figures) {
  using namespace std::chrono_literals;
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || now - drawn_ < 100ms) return;
  drawn_ = now;
  if (!line_) line_.emplace();
  draw(figures);
}

void Progress::end_epoch(const TrainingFigures& figures) {
  if (terminal_) return;
  fmt::print("{:<6}  {}\n", label_, text(figures));
  flush_output();
}

void Progress::finish(const TrainingFigures& figures) {
  if (!terminal_) return;
  draw(figures);
  fmt::print("\n");
  line_.reset();
}

}  // namespace gossamer::cli
