// The system calls behind files, in one table: a test puts others in their place, to make each fail in turn.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cerrno>
#include <cstddef>

namespace gossamer::io {

// With the contracts of their namesakes.
struct SystemCalls {
  int (*openat)(int folder, const char* path, int flags, mode_t mode);
  int (*fstat)(int fd, struct stat* status);
  int (*fstatat)(int folder, const char* path, struct stat* status, int flags);
  ssize_t (*read)(int fd, void* out, size_t size);
  ssize_t (*pread)(int fd, void* out, size_t size, off_t offset);
  ssize_t (*write)(int fd, const void* bytes, size_t size);
  void* (*mmap)(void* address, size_t size, int protection, int flags, int fd, off_t offset);
  int (*flock)(int fd, int operation);
  int (*duplicate)(int fd);  // with close-on-exec
  int (*fsync)(int fd);
  int (*close)(int fd);
  int (*renameat)(int from_folder, const char* from, int to_folder, const char* to);
  int (*unlinkat)(int folder, const char* path, int flags);
};

SystemCalls& system_calls() noexcept;

static_assert(sizeof(off_t) == 8, "files above 2 GiB need 64-bit offsets");

// The result of `call`, which is made again as long as a signal interrupts it. Not for close(): the descriptor is gone.
template <class Call>
auto uninterrupted(Call&& call) {
  for (;;) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

}  // namespace gossamer::io
