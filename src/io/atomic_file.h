// Writing a file so that its path always names a whole one: the old until the new one is on the disk, then the new.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/file_descriptor.h"

namespace gossamer::io {

// What is written goes to a temporary file ".NAME.PID.N.tmp" in the folder of the target. commit() makes it durable and
// renames it; without commit() it is removed. A process that is killed leaves it behind, and the next AtomicFile for
// the same target removes it: the lock that its writer held is gone then. Where the path is a symbolic link, the file
// that it leads to is replaced. The new file has the permissions of the old one, less the umask; else 0666 less the
// umask.
//
// Everything throws FileError, which names `op` and the path, and leaves the old file as it was; only where the folder
// cannot be synced after the rename, the last step, the new one is in place, and a power cut may bring back the old.
class AtomicFile {
 public:
  AtomicFile(const std::filesystem::path& path, std::string_view op);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Appends. Small parts are gathered before they are written.
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  // Once, at the end.
  void commit();

 private:
  // The name in the folder, removed at the end unless it was released.
  class Temporary {
   public:
    Temporary() = default;
    ~Temporary() { remove(); }
    Temporary(const Temporary&) = delete;
    Temporary& operator=(const Temporary&) = delete;

    const char* name() const { return name_.c_str(); }
    // `name` is there now; takes it without an allocation.
    void hold(const FileDescriptor& folder, std::string& name) noexcept;
    void remove() noexcept;
    void release() noexcept { name_.clear(); }

   private:
    const FileDescriptor* folder_ = nullptr;
    std::string name_;
  };

  mode_t mode_of_target() const;
  void create();
  bool lock() const;
  void flush();
  void write_through(std::span<const std::byte> bytes);
  [[noreturn]] void fail_to_write(int error) const;

  std::string op_;
  std::filesystem::path path_;  // of the target, links resolved
  std::string name_;            // of the target in its folder
  std::string prefix_;          // of the names of its temporary files
  FileDescriptor folder_;
  FileDescriptor file_;
  FileDescriptor lock_;  // holds the lock while file_ is closed and renamed
  Temporary temporary_;
  std::vector<std::byte> buffer_;
};

// Removes the temporary files that writers of this target left who are gone. An AtomicFile does it by itself; this is
// for targets that are not written again. What goes wrong is passed over.
void remove_leftovers(const std::filesystem::path& target);

}  // namespace gossamer::io
