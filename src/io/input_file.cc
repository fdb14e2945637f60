#include "io/input_file.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "gossamer/error.h"
#include "io/file_error.h"
#include "runtime/buffers.h"
#include "runtime/check.h"

namespace gossamer::io {
namespace {

// One call of the system reads less than 2 GiB.
constexpr size_t kLargestRead = size_t{1} << 30;

}  // namespace

InputFile::InputFile(std::filesystem::path path, std::string_view op) : path_(std::move(path)), op_(op) {
  // O_NONBLOCK: opening a pipe must not wait for its other end.
  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  file_ = FileDescriptor(uninterrupted([&] { return system_calls().openat(AT_FDCWD, path_.c_str(), kFlags, 0); }));
  if (!file_.is_open()) {
    fail_file(op_, errno == ENOENT ? "the file must exist" : "the file must be readable", path_, errno);
  }
  struct stat status {};
  if (system_calls().fstat(file_.get(), &status) != 0) fail_to_read(errno);
  if (!S_ISREG(status.st_mode)) {
    fail<FileError>(op_, "the path must name a regular file", fmt::format("'{}' is none", path_.string()),
                    "check the path");
  }
  size_ = status.st_size;
}

size_t InputFile::read(std::span<std::byte> out) {
  size_t done = 0;
  while (done < out.size()) {
    const size_t part = std::min(out.size() - done, kLargestRead);
    const ssize_t n = uninterrupted([&] { return system_calls().read(file_.get(), out.data() + done, part); });
    if (n < 0) fail_to_read(errno);
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

// By the calling thread alone: copies from the page cache wait for memory, and a second thread for a processor.
void InputFile::read_at(int64_t offset, std::span<std::byte> out) const {
  const rt::SmallPages filled_once(out.data(), std::ssize(out));
  while (!out.empty()) {
    const ssize_t n = uninterrupted(
        [&] { return system_calls().pread(file_.get(), out.data(), std::min(out.size(), kLargestRead), offset); });
    if (n < 0) fail_to_read(errno);
    if (n == 0) {
      fail<FileError>(op_, "the file must stay as it is while it is read",
                      fmt::format("'{}' has become shorter than {} bytes", path_.string(), size_),
                      "replace files by rename, as this library does");
    }
    offset += n;
    out = out.subspan(static_cast<size_t>(n));
  }
}

void InputFile::fail_to_read(int error) const { fail_file(op_, "the file must be readable", path_, error); }

}  // namespace gossamer::io
