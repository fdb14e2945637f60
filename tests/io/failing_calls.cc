#include "tests/io/failing_calls.h"

#include <sys/mman.h>

#include <cerrno>

namespace gossamer::io {
namespace {

SystemCalls g_real;
std::vector<std::string> g_calls;
int64_t g_nth = 0;
FailingCalls::Fault g_fault;
int g_error = 0;

// Notes a call; true where it is the one that goes wrong.
bool strikes(const char* name) {
  g_calls.emplace_back(name);
  return std::ssize(g_calls) == g_nth;
}

// Whether the call is to do nothing; sets errno.
bool fails(const char* name) {
  if (!strikes(name) || g_fault == FailingCalls::Fault::Short) return false;
  errno = g_fault == FailingCalls::Fault::Interrupted ? EINTR : g_error;
  return true;
}

// The same for calls that handle bytes; shortens them.
bool fails(const char* name, size_t& size) {
  if (!strikes(name)) return false;
  if (g_fault == FailingCalls::Fault::Short) {
    size = 1;
    return false;
  }
  errno = g_fault == FailingCalls::Fault::Interrupted ? EINTR : g_error;
  return true;
}

const SystemCalls kFailing{
    .openat = [](int folder, const char* path, int flags,
                 mode_t mode) { return fails("openat") ? -1 : g_real.openat(folder, path, flags, mode); },
    .fstat = [](int fd, struct stat* status) { return fails("fstat") ? -1 : g_real.fstat(fd, status); },
    .fstatat = [](int folder, const char* path, struct stat* status,
                  int flags) { return fails("fstatat") ? -1 : g_real.fstatat(folder, path, status, flags); },
    .read = [](int fd, void* out, size_t size) { return fails("read", size) ? -1 : g_real.read(fd, out, size); },
    .pread = [](int fd, void* out, size_t size,
                off_t offset) { return fails("pread", size) ? -1 : g_real.pread(fd, out, size, offset); },
    .write = [](int fd, const void* bytes,
                size_t size) { return fails("write", size) ? -1 : g_real.write(fd, bytes, size); },
    .mmap =
        [](void* address, size_t size, int protection, int flags, int fd, off_t offset) {
          return fails("mmap") ? MAP_FAILED : g_real.mmap(address, size, protection, flags, fd, offset);
        },
    .flock = [](int fd, int operation) { return fails("flock") ? -1 : g_real.flock(fd, operation); },
    .duplicate = [](int fd) { return fails("duplicate") ? -1 : g_real.duplicate(fd); },
    .fsync = [](int fd) { return fails("fsync") ? -1 : g_real.fsync(fd); },
    // What close() reports, it reports of a descriptor that is closed.
    .close =
        [](int fd) {
          const bool fails_now = fails("close");
          const int error = errno;
          const int result = g_real.close(fd);
          if (fails_now) errno = error;
          return fails_now ? -1 : result;
        },
    .renameat =
        [](int from_folder, const char* from, int to_folder, const char* to) {
          return fails("renameat") ? -1 : g_real.renameat(from_folder, from, to_folder, to);
        },
    .unlinkat = [](int folder, const char* path,
                   int flags) { return fails("unlinkat") ? -1 : g_real.unlinkat(folder, path, flags); },
};

}  // namespace

FailingCalls::FailingCalls(int64_t nth, Fault fault, int error) : before_(system_calls()) {
  g_real = before_;
  g_calls.clear();
  g_nth = nth;
  g_fault = fault;
  g_error = error;
  system_calls() = kFailing;
}

FailingCalls::~FailingCalls() { system_calls() = before_; }

const std::vector<std::string>& FailingCalls::calls() { return g_calls; }

bool FailingCalls::fired() { return std::ssize(g_calls) >= g_nth; }

}  // namespace gossamer::io
