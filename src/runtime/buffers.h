// Memory of tensors. Freed buffers are kept for the next tensor of their size: activations of some MiB come and go with
// every step, and the system's allocator gives them back to the kernel, which makes each page anew.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gossamer::rt {

// The most that is kept, in all, in bytes and in number; the buffer that was given back first goes first.
inline constexpr int64_t kKeptBufferBytes = int64_t{64} << 20;
inline constexpr int64_t kKeptBuffers = 512;
// Larger ones go to the system: one of them would push out all others.
inline constexpr int64_t kLargestKeptBuffer = kKeptBufferBytes / 4;
// Smaller ones go to the system's allocator. Not more than this: glibc gives the top of its heap back from 128 KiB on
// unless larger buffers were freed to it before, which cost a step of 16 samples two thirds of its time.
inline constexpr int64_t kSmallestKeptBuffer = int64_t{16} << 10;

// 64-byte aligned, uninitialized. Thread-safe. Throws std::bad_alloc when there is no memory, after giving back what is
// kept.
std::byte* take_buffer(int64_t bytes);
// `bytes` is what was asked for. Null is allowed.
void give_buffer(std::byte* data, int64_t bytes) noexcept;

// The same memory, never kept.
std::byte* new_buffer(int64_t bytes);
void delete_buffer(std::byte* data) noexcept;

// While one lives, new pages of a buffer that is too large to be kept are small ones, for a buffer that is filled once.
// A virtual machine takes huge pages from the memory that was unused for longest, which its host may have to give it
// first: reading 1 GiB took 0.15 s of a processor with huge pages just used, 2.2 s with others, and 0.5 s with small
// pages either way. The system may join them later.
class SmallPages {
 public:
  SmallPages(std::byte* data, int64_t bytes);
  ~SmallPages();
  SmallPages(const SmallPages&) = delete;
  SmallPages& operator=(const SmallPages&) = delete;

 private:
  std::byte* data_;
  int64_t bytes_;
};

}  // namespace gossamer::rt
