// CheckpointManager: the checkpoints of a run in a folder, of which the last and the best are kept.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gossamer/train/checkpoint.h"

#pragma GCC visibility push(default)
namespace gossamer::train {

enum class MetricMode { Min, Max };  // whether a metric is better when smaller or larger

struct CheckpointManagerOptions {
  std::filesystem::path folder;     // made when it is not there
  std::string name = "checkpoint";  // the files are <name>-<step>.safetensors
  int64_t keep_last = 3;            // at least 1
  int64_t keep_best = 0;            // and the best of those saved with a metric
  MetricMode mode = MetricMode::Min;
  SaveOptions save = {};
};

// A checkpoint in the folder.
struct SavedCheckpoint {
  std::filesystem::path path;
  int64_t step = 0;
  std::optional<double> metric = {};
  int64_t number = 0;  // in the order of saving, also over several runs of the program
};

// All that it knows stands in the folder: a program that starts again goes on with the files that are there. Files that
// it did not write, or cannot read, are never counted or deleted. A file goes only after the one that takes its place
// is durable; that it cannot be deleted is a warning, and the next save tries again.
//
//   train::CheckpointManager checkpoints(run, {.folder = "runs/1", .keep_last = 2, .keep_best = 1});
//   checkpoints.resume();
//   ... checkpoints.save(step, validation_loss);
//
// For one process and one thread at a time. save_in_background() writes on a thread of its own, at most one. In the
// child of a fork a manager forgets what its parent is writing.
class CheckpointManager {
 public:
  // Throws ConfigError for options out of their range, a name that is empty or has a '/', and FileError for a folder
  // that cannot be made or read.
  CheckpointManager(Checkpoint run, CheckpointManagerOptions options);
  // Waits for the checkpoint that is being written; an error that nobody asked for becomes a warning.
  ~CheckpointManager();
  CheckpointManager(const CheckpointManager&) = delete;
  CheckpointManager& operator=(const CheckpointManager&) = delete;
  CheckpointManager(CheckpointManager&&) noexcept;
  CheckpointManager& operator=(CheckpointManager&&) noexcept;

  // Saves the run as it is now, then deletes what is not kept. A file of the same step is replaced. NaN counts as no
  // metric. Throws ConfigError when step < 0, what wait() throws, and as Checkpoint::save does; the files are then as
  // they were.
  std::filesystem::path save(int64_t step, std::optional<double> metric = {});
  // The same, but the file is written beside training: the call waits for the checkpoint before, and takes a copy of
  // the run's state, which lives until the file is durable. Throws as save() does, except for what goes wrong beside
  // training, which the next call of save(), save_in_background() or wait() throws; these also delete what is not kept.
  // StateError where the system starts no thread.
  void save_in_background(int64_t step, std::optional<double> metric = {});
  // Returns when the last checkpoint is durable and what it replaces is gone. Throws what went wrong with it, once; the
  // files that were there are there then.
  void wait();

  // The checkpoints in the folder, in the order of saving; without the one that is being written.
  std::vector<SavedCheckpoint> list() const;
  // The one saved last, and the one with the best metric, the latest of several.
  std::optional<SavedCheckpoint> latest() const;
  std::optional<SavedCheckpoint> best() const;

  // Loads the latest; nothing where there is none. Throws as Checkpoint::load does.
  std::optional<CheckpointInfo> resume();

 private:
  class Writing;
  std::unique_ptr<Writing> begin(int64_t step, std::optional<double> metric);

  Checkpoint run_;
  CheckpointManagerOptions options_;
  std::unique_ptr<Writing> writing_;  // beside training; null when there is none
};

}  // namespace gossamer::train
#pragma GCC visibility pop
