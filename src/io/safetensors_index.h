// Tensors in several safetensors files: the index says which file holds which.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/io/safetensors.h"
#include "io/refusal.h"

namespace gossamer::io {

struct SafetensorsShard {
  std::filesystem::path path;
  std::vector<std::string> names;  // of the tensors that it holds, in order
};

// Whether a path names an index, by its end.
bool is_safetensors_index(const std::filesystem::path& path);

// The files that an index lists, beside it, in the order of their names. Throws FileError, or FormatError for an index
// that is not sound.
std::vector<SafetensorsShard> read_safetensors_index(const std::filesystem::path& path, std::string_view op);

// Refuses a file whose tensors, ordered by name, are not those that the index lists.
void check_shard(const SafetensorsShard& shard, std::span<const SafetensorsEntry> entries, const Origin& origin);

}  // namespace gossamer::io
