// Saving that tells how far it is.
#pragma once

#include <filesystem>
#include <functional>

#include "gossamer/io/npy.h"
#include "gossamer/io/safetensors.h"
#include "gossamer/state_dict.h"

namespace gossamer::io {

// Called after each tensor that was written to the new file. What it throws ends the saving, and the old file stays.
using Written = std::function<void(const Tensor& tensor)>;

// As the public functions of these names.
void save_safetensors(const std::filesystem::path& path, const StateDict& tensors, const SafetensorsOptions& options,
                      const Written& written);
void save_npz(const std::filesystem::path& path, const StateDict& arrays, const Written& written);

}  // namespace gossamer::io
