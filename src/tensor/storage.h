// Shared memory of tensors: 64-byte aligned bytes with a count of the times they were opened for writing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "runtime/fork.h"
#include "tensor/batch.h"

namespace gossamer {

// The elements are held row-major, as tiles (tensor/batch.h), or as both. A storage is born with one of the two; tiles
// are unpacked when row-major elements are first asked for, and go when these are opened for writing. Reading is
// thread-safe, also where it unpacks; writing is the caller's to synchronize.
class Storage {
 public:
  // Alignment of a cache line and of the widest vector register.
  static constexpr size_t kAlignment = 64;

  // What becomes of it in the end: kept for the next storage, returned to the system, or left to its owner.
  enum class Memory { Kept, Returned, Borrowed };

  // Born row-major.
  Storage(int64_t bytes, Memory memory);
  // Born as tiles of floats [n, features]; its memory is kept.
  Storage(int64_t n, int64_t features, int width);
  // Of rows that belong to another, whom `owner` keeps alive.
  Storage(std::byte* rows, int64_t bytes, std::shared_ptr<void> owner);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  bool is_borrowed() const { return memory_ == Memory::Borrowed; }

  // Row-major.
  std::byte* bytes() const {
    std::byte* const rows = rows_.load(std::memory_order_acquire);
    return rows != nullptr ? rows : unpack();
  }
  bool has_rows() const { return rows_.load(std::memory_order_acquire) != nullptr; }
  // width 0 when there are none.
  Batch<float> tiles() const {
    float* const data = tile_data_.load(std::memory_order_acquire);
    return data != nullptr ? Batch<float>{data, n_, features_, width_} : Batch<float>{};
  }

  // For writing; what is held in the other layout goes. Threads that write different elements may open the rows at
  // once. open_tiles() needs tiles to be there.
  std::byte* open_rows();
  Batch<float> open_tiles();

  uint64_t version() const { return version_.load(std::memory_order_acquire); }

 private:
  std::byte* unpack() const;
  int64_t tile_bytes() const;
  void give_rows();
  void give_tiles();
  void mark_written() { version_.fetch_add(1, std::memory_order_acq_rel); }

  mutable std::atomic<std::byte*> rows_{nullptr};
  std::atomic<float*> tile_data_{nullptr};
  int64_t bytes_;  // of the rows
  Memory memory_ = Memory::Kept;
  std::shared_ptr<void> owner_;  // of borrowed rows
  int64_t n_ = 0;
  int64_t features_ = 0;
  int width_ = 0;
  mutable rt::ForkMutex unpacking_;
  std::atomic<uint64_t> version_{0};
};

}  // namespace gossamer
