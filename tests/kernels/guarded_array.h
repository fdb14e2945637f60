// An array that ends at an unreadable page, so that a read or write behind its last element crashes.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>

namespace gossamer::kernels::testing {

template <typename T>
class GuardedArray {
 public:
  // All elements are zero. The first one is aligned to `alignment` bytes, at the price of a gap smaller than that
  // between the last one and the guard page.
  explicit GuardedArray(int64_t size, size_t alignment = alignof(T)) : size_(static_cast<size_t>(size)) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t bytes = (size_ * sizeof(T) + alignment + page - 1) / page * page;
    mapped_bytes_ = bytes + page;
    void* mapped = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    base_ = static_cast<std::byte*>(mapped);
    if (mprotect(base_ + bytes, page, PROT_NONE) != 0) throw std::bad_alloc();
    const size_t offset = (bytes - size_ * sizeof(T)) / alignment * alignment;
    data_ = reinterpret_cast<T*>(base_ + offset);
  }
  ~GuardedArray() { munmap(base_, mapped_bytes_); }
  GuardedArray(const GuardedArray&) = delete;
  GuardedArray& operator=(const GuardedArray&) = delete;

  T* data() { return data_; }
  const T* data() const { return data_; }
  int64_t size() const { return static_cast<int64_t>(size_); }
  T& operator[](int64_t i) { return data_[i]; }
  const T& operator[](int64_t i) const { return data_[i]; }
  std::span<T> span() { return {data_, size_}; }

 private:
  size_t size_;
  size_t mapped_bytes_ = 0;
  std::byte* base_ = nullptr;
  T* data_ = nullptr;
};

}  // namespace gossamer::kernels::testing
