// The folder of a CheckpointManager: which files are its own, and which of them go.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "gossamer/train/checkpoint_manager.h"
#include "train/files.h"

namespace gossamer::train {

// Throws FileError.
void make_folder(const std::filesystem::path& folder);
std::filesystem::path file_of(const CheckpointManagerOptions& options, int64_t step);

// The metadata that list_folder() reads.
void describe(const SavedCheckpoint& checkpoint, Metadata& metadata);
// In the order of saving. Files that cannot be read are warned of, others that are not a manager's are passed over.
std::vector<SavedCheckpoint> list_folder(const CheckpointManagerOptions& options);
// Those with a metric, the best first, of equals the latest.
std::vector<SavedCheckpoint> by_metric(std::vector<SavedCheckpoint> checkpoints, MetricMode mode);
// Deletes what is kept neither as one of the last nor as one of the best, never `fresh`; and what saves left that were
// broken off. Warns where it cannot: the
// next save tries again.
void delete_others(const CheckpointManagerOptions& options, const SavedCheckpoint& fresh) noexcept;

}  // namespace gossamer::train
