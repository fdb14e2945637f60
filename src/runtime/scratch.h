// Working memory of a task, reused by the thread: kernels run thousands of times a second and must not pay for pages.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gossamer::rt {

// 64-byte aligned, uninitialized. Taken from the thread's buffer and given back at the end; a lease inside another (a
// task that runs a parallel loop of its own) gets memory of its own. Buffers above kKeptBytes are freed at once.
class Scratch {
 public:
  static constexpr int64_t kKeptBytes = int64_t{4} << 20;

  explicit Scratch(int64_t bytes);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::byte* data() const { return data_; }

 private:
  std::byte* data_;
  int64_t capacity_;
};

}  // namespace gossamer::rt
