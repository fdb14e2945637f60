// A regular file opened for reading.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "io/file_descriptor.h"

namespace gossamer::io {

// Everything throws FileError, which names `op` and the path.
class InputFile {
 public:
  InputFile(std::filesystem::path path, std::string_view op);

  const std::filesystem::path& path() const { return path_; }
  const std::string& op() const { return op_; }
  int fd() const { return file_.get(); }
  // When it was opened.
  int64_t size() const { return size_; }

  // Fills `out` from where the last call ended, and returns its size, or less at the end of the file.
  size_t read(std::span<std::byte> out);
  // Fills `out` with what stands at `offset`; a file that ends before has become shorter. Thread-safe.
  void read_at(int64_t offset, std::span<std::byte> out) const;

 private:
  [[noreturn]] void fail_to_read(int error) const;

  std::filesystem::path path_;
  std::string op_;
  FileDescriptor file_;
  int64_t size_ = 0;
};

}  // namespace gossamer::io
