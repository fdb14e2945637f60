#include "io/system_calls.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>

namespace gossamer::io {

SystemCalls& system_calls() noexcept {
  static constinit SystemCalls calls{
      .openat = [](int folder, const char* path, int flags,
                   mode_t mode) { return ::openat(folder, path, flags, mode); },
      .fstat = ::fstat,
      .fstatat = ::fstatat,
      .read = ::read,
      .pread = ::pread,
      .write = ::write,
      .mmap = ::mmap,
      .flock = ::flock,
      .duplicate = [](int fd) { return ::fcntl(fd, F_DUPFD_CLOEXEC, 0); },
      .fsync = ::fsync,
      .close = ::close,
      .renameat = ::renameat,
      .unlinkat = ::unlinkat,
  };
  return calls;
}

}  // namespace gossamer::io
