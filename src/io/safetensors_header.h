// The header of a safetensors file: JSON about the tensors whose bytes follow it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/io/safetensors.h"
#include "io/refusal.h"

namespace gossamer::io {

// The limit of the format.
inline constexpr int64_t kLargestHeader = 100'000'000;
inline constexpr std::string_view kMetadata = "__metadata__";

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // by name
  std::map<std::string, std::string> metadata;
};

// Refuses (FormatError) whatever the format does not allow; `data_bytes` follow the header in the file.
SafetensorsHeader parse_safetensors_header(std::string_view text, int64_t data_bytes, MemoryBudget& budget,
                                           const Origin& origin);

}  // namespace gossamer::io
