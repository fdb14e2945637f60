// Bytes that are read in any order, of memory or of a file, and parts of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "io/byte_source.h"
#include "io/input_file.h"

namespace gossamer::io {

// A view: memory and file must outlive it.
class ByteRange {
 public:
  explicit ByteRange(std::span<const std::byte> bytes)
      : memory_(bytes.data()), size_(static_cast<int64_t>(bytes.size())) {}
  explicit ByteRange(const InputFile& file) : file_(&file), size_(file.size()) {}

  int64_t size() const { return size_; }
  // `size` bytes from `begin` on, which lie within this range.
  ByteRange part(int64_t begin, int64_t size) const;
  // Fills `out` with what stands at `offset`, which lies within this range.
  void read(int64_t offset, std::span<std::byte> out) const;

 private:
  const std::byte* memory_ = nullptr;  // of its first byte, or
  const InputFile* file_ = nullptr;
  int64_t begin_ = 0;  // in the file
  int64_t size_;
};

// The bytes of a range, one after the other.
std::unique_ptr<ByteSource> open_range(const ByteRange& range, std::string_view name);

}  // namespace gossamer::io
