// An owned file descriptor.
#pragma once

#include <cerrno>
#include <utility>

#include "io/system_calls.h"

namespace gossamer::io {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  // Takes what open() returned; negative for none.
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor() { static_cast<void>(close()); }

  bool is_open() const { return fd_ >= 0; }
  int get() const { return fd_; }

  // Closes it, once. Returns 0, or the errno of data that could not be written; an interrupted close() has closed.
  [[nodiscard]] int close() noexcept {
    if (!is_open()) return 0;
    return system_calls().close(std::exchange(fd_, -1)) == 0 || errno == EINTR ? 0 : errno;
  }

 private:
  int fd_ = -1;
};

}  // namespace gossamer::io
