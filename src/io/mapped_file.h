// A file that is read in parts, and mapped into memory when its bytes are asked for in place.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <span>
#include <string_view>
#include <utility>

#include "io/input_file.h"

namespace gossamer::io {

class MappedFile {
 public:
  MappedFile(std::filesystem::path path, std::string_view op) : file_(std::move(path), op) {}
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  int64_t size() const { return file_.size(); }
  void read_at(int64_t offset, std::span<std::byte> out) const { file_.read_at(offset, out); }

  // The whole file, mapped by the first call. Thread-safe. Whoever shortens the file meanwhile makes reading beyond its
  // end a SIGBUS; read_at() has no such danger.
  std::span<const std::byte> bytes() const;

 private:
  const InputFile file_;
  mutable std::mutex mapping_;
  mutable std::atomic<const std::byte*> bytes_{nullptr};
};

}  // namespace gossamer::io
