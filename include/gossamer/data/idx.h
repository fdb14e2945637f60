// IDX, the file format of the MNIST family: a big-endian header (type, rank, dimensions) and the elements after it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace gossamer::data {

// Element types, with the values of the third byte of a file (yann.lecun.com/exdb/mnist).
enum class IdxType : uint8_t { U8 = 0x08, I8 = 0x09, I16 = 0x0B, I32 = 0x0C, F32 = 0x0D, F64 = 0x0E };

// Bytes per element.
int64_t element_size(IdxType type) noexcept;

struct IdxArray {
  IdxType type = IdxType::U8;
  std::vector<int64_t> shape;  // empty for a scalar; dimensions may be 0
  std::vector<uint8_t> bytes;  // row-major elements in the byte order of this machine
};

struct IdxOptions {
  int64_t max_bytes = int64_t{1} << 30;  // of all elements; a file that declares more is refused before memory is taken
};

// Reads an IDX file, plain or compressed by gzip; the content decides which, not the file's name. Memory grows with the
// data that is really there, never with what a header claims, and decompression stops at the first surplus byte.
// Throws FormatError, naming the file and the fault, when the file is not IDX, is truncated or corrupt, declares a size
// above the limit, or holds bytes after the last element; FileError when it is missing or unreadable.
IdxArray read_idx(const std::filesystem::path& path, const IdxOptions& options = {});

// The same for an uncompressed IDX file that is already in memory. `name` stands for the file in error messages.
IdxArray parse_idx(std::span<const uint8_t> file, std::string_view name = "(memory)", const IdxOptions& options = {});

}  // namespace gossamer::data
#pragma GCC visibility pop
