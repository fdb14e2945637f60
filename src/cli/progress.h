// Progress of a long run: a bar on a terminal, a line now and then elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/output.h"

namespace gossamer::cli {

// What is known after some steps of training.
struct TrainingFigures {
  int64_t step = 0;
  int64_t epoch = 0;        // from 1
  double loss = 0;          // mean of the steps of this epoch
  double accuracy = 0;      // share of their images that was classified rightly
  double images_per_s = 0;  // since the start of the run
};

class Progress {
 public:
  // `label` begins every line.
  Progress(std::string label, int64_t steps, int64_t epochs);

  // Redraws the bar at most ten times a second; prints nothing elsewhere than on a terminal.
  void step(const TrainingFigures& figures);
  // Leaves a line elsewhere than on a terminal.
  void end_epoch(const TrainingFigures& figures);
  // Leaves the finished bar on a terminal.
  void finish(const TrainingFigures& figures);

 private:
  std::vector<std::string> facts(const TrainingFigures& figures) const;
  void draw(const TrainingFigures& figures);

  std::string label_;
  int64_t steps_;
  int64_t epochs_;
  bool terminal_;
  std::optional<LineGuard> line_;  // while a bar is on the terminal
  std::chrono::steady_clock::time_point drawn_;
};

}  // namespace gossamer::cli
