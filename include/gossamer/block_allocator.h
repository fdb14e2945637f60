// Small blocks of memory that a thread keeps for its next: a training step asks for the same ones as the step before.
#pragma once

#include <cstddef>
#include <vector>

#pragma GCC visibility push(default)
namespace gossamer {

// Aligned as operator new aligns, uninitialized. May be given back by any thread, with the size that was asked for; one
// that never took a block keeps none. release_cached_memory() (runtime.h) frees what is kept.
void* take_block(size_t bytes);
void give_block(void* block, size_t bytes) noexcept;

// For std::allocate_shared and containers.
template <class T>
struct BlockAllocator {
  using value_type = T;

  BlockAllocator() = default;
  template <class U>
  BlockAllocator(const BlockAllocator<U>&) {}

  T* allocate(size_t n) {
    static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    return static_cast<T*>(take_block(n * sizeof(T)));  // NOLINT(bugprone-sizeof-expression): T may be a pointer
  }
  void deallocate(T* data, size_t n) noexcept { give_block(data, n * sizeof(T)); }  // NOLINT: as above

  template <class U>
  bool operator==(const BlockAllocator<U>&) const {
    return true;
  }
};

template <class T>
using BlockVector = std::vector<T, BlockAllocator<T>>;

}  // namespace gossamer
#pragma GCC visibility pop
