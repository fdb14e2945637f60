// Shared memory of tensors: 64-byte aligned bytes with a count of the times they were opened for writing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace gossamer {

class Storage {
 public:
  // Alignment of a cache line and of the widest vector register.
  static constexpr size_t kAlignment = 64;

  explicit Storage(int64_t bytes);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  std::byte* bytes() const { return bytes_; }
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  void mark_written() { version_.fetch_add(1, std::memory_order_acq_rel); }

 private:
  std::byte* bytes_;
  std::atomic<uint64_t> version_{0};
};

}  // namespace gossamer
