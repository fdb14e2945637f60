#include "gossamer/train/checkpoint_manager.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <system_error>
#include <thread>
#include <utility>

#include "gossamer/error.h"
#include "gossamer/io/safetensors.h"
#include "runtime/check.h"
#include "runtime/fork.h"
#include "runtime/log.h"
#include "train/files.h"
#include "train/folder.h"

namespace gossamer::train {

// A checkpoint on its way into the folder, by the calling thread or by one of its own.
class CheckpointManager::Writing {
 public:
  Writing(const CheckpointManagerOptions& options, SavedCheckpoint checkpoint, StateDict dict)
      : options_(options), checkpoint_(std::move(checkpoint)), dict_(std::move(dict)) {}
  // To be called by the process that began it, after wait().
  ~Writing() = default;
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;

  const SavedCheckpoint& checkpoint() const { return checkpoint_; }

  void write() {
    Metadata metadata = options_.save.metadata;
    describe(checkpoint_, metadata);
    write_run(checkpoint_.path, dict_, std::move(metadata));
  }

  void start() {
    try {
      thread_ = std::thread([this] {
        try {
          write();
        } catch (...) {
          error_ = std::current_exception();
        }
        dict_.clear();
      });
    } catch (const std::system_error& error) {
      fail<StateError>("CheckpointManager::save_in_background", "the system must start a thread",
                       error.code().message(), "call save()");
    }
  }

  // What went wrong, null where nothing did.
  std::exception_ptr wait() noexcept {
    if (thread_.joinable()) thread_.join();
    return error_;
  }

  bool is_parents() const { return generation_ != rt::fork_generation(); }

 private:
  const unsigned generation_ = rt::fork_generation();
  CheckpointManagerOptions options_;
  SavedCheckpoint checkpoint_;
  StateDict dict_;
  std::exception_ptr error_;  // read once the thread has ended
  std::thread thread_;
};

CheckpointManager::CheckpointManager(Checkpoint run, CheckpointManagerOptions options)
    : run_(std::move(run)), options_(std::move(options)) {
  constexpr const char* kOp = "CheckpointManager";
  if (options_.name.empty() || options_.name.find('/') != std::string::npos) {
    fail<ConfigError>(kOp, "name must be the beginning of a file's name", fmt::format("'{}'", options_.name));
  }
  if (options_.keep_last < 1) {
    fail<ConfigError>(kOp, "keep_last must be at least 1", fmt::format("{}", options_.keep_last));
  }
  if (options_.keep_best < 0) {
    fail<ConfigError>(kOp, "keep_best must not be negative", fmt::format("{}", options_.keep_best));
  }
  check_metadata(kOp, options_.save.metadata);
  make_folder(options_.folder);
  static_cast<void>(list());  // throws where it cannot be read
}

CheckpointManager::~CheckpointManager() {
  try {
    wait();
  } catch (const std::exception& error) {
    rt::warn("CheckpointManager: a checkpoint was not saved: {}", error.what());
  } catch (...) {
    rt::warn("CheckpointManager: a checkpoint was not saved");
  }
}

CheckpointManager::CheckpointManager(CheckpointManager&&) noexcept = default;

CheckpointManager& CheckpointManager::operator=(CheckpointManager&& other) noexcept {
  std::swap(run_, other.run_);
  std::swap(options_, other.options_);
  std::swap(writing_, other.writing_);
  return *this;
}

std::unique_ptr<CheckpointManager::Writing> CheckpointManager::begin(int64_t step, std::optional<double> metric) {
  if (step < 0) fail<ConfigError>("CheckpointManager::save", "step must not be negative", fmt::format("{}", step));
  wait();
  if (metric && std::isnan(*metric)) metric.reset();
  const auto before = list();
  SavedCheckpoint checkpoint{.path = file_of(options_, step),
                             .step = step,
                             .metric = metric,
                             .number = before.empty() ? 0 : before.back().number + 1};
  return std::make_unique<Writing>(options_, std::move(checkpoint), run_.state_dict(options_.save));
}

std::filesystem::path CheckpointManager::save(int64_t step, std::optional<double> metric) {
  const std::unique_ptr<Writing> writing = begin(step, metric);
  writing->write();
  delete_others(options_, writing->checkpoint());
  return writing->checkpoint().path;
}

void CheckpointManager::save_in_background(int64_t step, std::optional<double> metric) {
  std::unique_ptr<Writing> writing = begin(step, metric);
  writing->start();
  writing_ = std::move(writing);
}

void CheckpointManager::wait() {
  if (!writing_) return;
  if (writing_->is_parents()) {
    // Its thread is not here, and what it has in hand can be neither joined nor safely freed.
    static_cast<void>(writing_.release());
    return;
  }
  const std::unique_ptr<Writing> writing = std::move(writing_);
  if (const std::exception_ptr error = writing->wait()) std::rethrow_exception(error);
  delete_others(options_, writing->checkpoint());
}

std::vector<SavedCheckpoint> CheckpointManager::list() const { return list_folder(options_); }

std::optional<SavedCheckpoint> CheckpointManager::latest() const {
  const auto all = list();
  return all.empty() ? std::nullopt : std::optional(all.back());
}

std::optional<SavedCheckpoint> CheckpointManager::best() const {
  auto ranked = by_metric(list(), options_.mode);
  return ranked.empty() ? std::nullopt : std::optional(std::move(ranked.front()));
}

std::optional<CheckpointInfo> CheckpointManager::resume() {
  wait();
  const auto checkpoint = latest();
  if (!checkpoint) return std::nullopt;
  return run_.load(checkpoint->path);
}

}  // namespace gossamer::train
