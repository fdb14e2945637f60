// Small blocks of memory: nodes of a graph, headers of tensors. They come and go with every operation, and a training
// step asks for the same ones as the step before, so that each thread keeps those that it freed.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gossamer::rt {

// Larger ones go to the system.
inline constexpr size_t kLargestBlock = 1024;
// The most that a thread keeps, in bytes: some 800 operations with their gradients.
inline constexpr int64_t kKeptBlockBytes = int64_t{1} << 20;

// Aligned as operator new aligns, uninitialized. May be given back by any thread, with the size that was asked for; one
// that never took a block keeps none.
void* take_block(size_t bytes);
void give_block(void* block, size_t bytes) noexcept;

// Of the calling thread: bytes that are kept now; frees them and returns how many they were.
int64_t kept_block_bytes() noexcept;
int64_t release_blocks() noexcept;

// For std::allocate_shared and containers.
template <class T>
struct BlockAllocator {
  using value_type = T;

  BlockAllocator() = default;
  template <class U>
  BlockAllocator(const BlockAllocator<U>&) {}

  T* allocate(size_t n) {
    static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    return static_cast<T*>(take_block(n * sizeof(T)));
  }
  void deallocate(T* data, size_t n) noexcept { give_block(data, n * sizeof(T)); }

  template <class U>
  bool operator==(const BlockAllocator<U>&) const {
    return true;
  }
};

}  // namespace gossamer::rt
