// Small blocks of memory: nodes of a graph, headers of tensors. They come and go with every operation, and a training
// step asks for the same ones as the step before, so that each thread keeps those that it freed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gossamer/block_allocator.h"

namespace gossamer::rt {

// Larger ones go to the system.
inline constexpr size_t kLargestBlock = 1024;
// The most that a thread keeps, in bytes: some 800 operations with their gradients.
inline constexpr int64_t kKeptBlockBytes = int64_t{1} << 20;

// Of the calling thread: bytes that are kept now; frees them and returns how many they were.
int64_t kept_block_bytes() noexcept;
int64_t release_blocks() noexcept;

}  // namespace gossamer::rt
