#include "io/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "gossamer/error.h"
#include "io/file_error.h"
#include "io/folder.h"
#include "runtime/check.h"

namespace gossamer::io {
namespace {

constexpr size_t kBufferBytes = size_t{256} << 10;
// One call of the system writes less than 2 GiB.
constexpr size_t kLargestWrite = size_t{1} << 30;
constexpr std::string_view kSuffix = ".tmp";
constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

// Where a path leads: a rename would replace the link.
std::filesystem::path resolve_links(std::filesystem::path path, std::string_view op) {
  constexpr int kMostLinks = 40;
  for (int links = 0; links <= kMostLinks; ++links) {
    std::error_code error;
    if (!std::filesystem::is_symlink(std::filesystem::symlink_status(path, error))) return path;
    const std::filesystem::path target = std::filesystem::read_symlink(path, error);
    if (error) fail_file(op, "the link must be readable", path, error.value());
    path = path.parent_path() / target;  // an absolute target stands alone
  }
  fail_file(op, "the path must lead to a file", path, ELOOP);
}

// Whether a name is "<prefix><process>.<number>.tmp".
bool is_temporary(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix) || !name.ends_with(kSuffix)) return false;
  name.remove_prefix(prefix.size());
  if (name.size() <= kSuffix.size()) return false;
  name.remove_suffix(kSuffix.size());
  const size_t dot = name.find('.');
  if (dot == 0 || dot == std::string_view::npos || dot + 1 == name.size()) return false;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return std::ranges::all_of(name.substr(0, dot), is_digit) && std::ranges::all_of(name.substr(dot + 1), is_digit);
}

// A name that this process has not used before.
std::string temporary_name(std::string_view prefix) {
  static std::atomic<uint64_t> next{0};
  return fmt::format("{}{}.{}{}", prefix, getpid(), next.fetch_add(1, std::memory_order_relaxed), kSuffix);
}

std::string temporary_prefix(const std::string& target) {
  // Leaves room for the rest within the 255 bytes that a name may have.
  constexpr size_t kNameBytes = 200;
  return fmt::format(".{}.", target.substr(0, kNameBytes));
}

FileDescriptor open_folder_of(const std::filesystem::path& target) {
  const std::filesystem::path folder = target.has_parent_path() ? target.parent_path() : ".";
  return FileDescriptor(
      uninterrupted([&] { return system_calls().openat(AT_FDCWD, folder.c_str(), kFolderFlags, 0); }));
}

void remove_unless_locked(const FileDescriptor& folder, const char* name) {
  constexpr int kFlags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  const FileDescriptor file(uninterrupted([&] { return system_calls().openat(folder.get(), name, kFlags, 0); }));
  if (!file.is_open()) return;
  if (uninterrupted([&] { return system_calls().flock(file.get(), LOCK_EX | LOCK_NB); }) != 0) return;
  uninterrupted([&] { return system_calls().unlinkat(folder.get(), name, 0); });
}

// Nothing that goes wrong here concerns a file that is to be written.
void remove_temporaries(const FileDescriptor& folder, std::string_view prefix) {
  int ignored = 0;
  for (const std::string& name : names_in(folder.get(), ".", ignored)) {
    if (is_temporary(name, prefix)) remove_unless_locked(folder, name.c_str());
  }
}

}  // namespace

void remove_leftovers(const std::filesystem::path& target) {
  const FileDescriptor folder = open_folder_of(target);
  if (folder.is_open()) remove_temporaries(folder, temporary_prefix(target.filename().string()));
}

void AtomicFile::Temporary::hold(const FileDescriptor& folder, std::string& name) noexcept {
  folder_ = &folder;
  name_.swap(name);
}

void AtomicFile::Temporary::remove() noexcept {
  if (name_.empty()) return;
  uninterrupted([&] { return system_calls().unlinkat(folder_->get(), name(), 0); });
  name_.clear();
}

AtomicFile::AtomicFile(const std::filesystem::path& path, std::string_view op)
    : op_(op), path_(resolve_links(path, op)), name_(path_.filename().string()) {
  if (name_.empty() || name_ == "." || name_ == "..") fail_file(op_, "the path must name a file", path_, EISDIR);
  prefix_ = temporary_prefix(name_);
  folder_ = open_folder_of(path_);
  if (!folder_.is_open()) fail_file(op_, "the folder of the file must exist and be readable", path_, errno);

  remove_temporaries(folder_, prefix_);
  create();
  buffer_.reserve(kBufferBytes);
}

mode_t AtomicFile::mode_of_target() const {
  struct stat status {};
  constexpr mode_t kDefault = 0666;
  const auto look = [&] { return system_calls().fstatat(folder_.get(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW); };
  if (uninterrupted(look) != 0) {
    if (errno == ENOENT) return kDefault;
    fail_to_write(errno);
  }
  if (!S_ISREG(status.st_mode)) {
    fail<FileError>(op_, "the path must name a regular file, or none", fmt::format("'{}' is no file", path_.string()),
                    "check the path");
  }
  return status.st_mode & mode_t{0777};
}

void AtomicFile::create() {
  const mode_t mode = mode_of_target();
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
  constexpr int kTries = 1000;
  for (int i = 0; i < kTries; ++i) {
    std::string name = temporary_name(prefix_);
    file_ =
        FileDescriptor(uninterrupted([&] { return system_calls().openat(folder_.get(), name.c_str(), kFlags, mode); }));
    if (!file_.is_open()) {
      if (errno == EEXIST) continue;  // of a process that had this number before, or in another container
      fail_to_write(errno);
    }
    temporary_.hold(folder_, name);
    if (lock()) {
      lock_ = FileDescriptor(uninterrupted([&] { return system_calls().duplicate(file_.get()); }));
      if (!lock_.is_open()) fail_to_write(errno);
      return;
    }
    temporary_.remove();
    static_cast<void>(file_.close());
  }
  fail_to_write(EEXIST);
}

// Locks the new file. False where another process took it for a leftover before that.
bool AtomicFile::lock() const {
  if (uninterrupted([&] { return system_calls().flock(file_.get(), LOCK_EX | LOCK_NB); }) != 0) {
    // Without locks (some network file systems) nobody removes leftovers.
    return errno != EWOULDBLOCK;
  }
  struct stat status {};
  if (uninterrupted([&] { return system_calls().fstat(file_.get(), &status); }) != 0) fail_to_write(errno);
  return status.st_nlink > 0;
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  if (buffer_.size() + bytes.size() <= kBufferBytes) {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    return;
  }
  flush();
  if (bytes.size() < kBufferBytes) {
    buffer_.assign(bytes.begin(), bytes.end());
  } else {
    write_through(bytes);
  }
}

void AtomicFile::flush() {
  write_through(buffer_);
  buffer_.clear();
}

void AtomicFile::write_through(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const size_t part = std::min(bytes.size(), kLargestWrite);
    const ssize_t n = uninterrupted([&] { return system_calls().write(file_.get(), bytes.data(), part); });
    if (n < 0) fail_to_write(errno);
    if (n == 0) fail_to_write(EIO);
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
}

void AtomicFile::commit() {
  flush();
  if (uninterrupted([&] { return system_calls().fsync(file_.get()); }) != 0) fail_to_write(errno);
  if (const int error = file_.close()) fail_to_write(error);
  const int folder = folder_.get();
  if (uninterrupted([&] { return system_calls().renameat(folder, temporary_.name(), folder, name_.c_str()); }) != 0) {
    fail_to_write(errno);
  }
  temporary_.release();
  // EINVAL: a file system that cannot sync folders, as some over a network.
  if (uninterrupted([&] { return system_calls().fsync(folder); }) != 0 && errno != EINVAL) {
    fail_file(op_, "the folder must be synced when the new file has taken its place in it", path_, errno);
  }
}

void AtomicFile::fail_to_write(int error) const { fail_file(op_, "the file must be writable", path_, error); }

}  // namespace gossamer::io
