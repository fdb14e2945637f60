// Zip archives (PKWARE's APPNOTE 6.3), as far as arrays need them: files of members, stored or deflated. docs/adr/0026
// says why the project has a reader of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/atomic_file.h"
#include "io/byte_range.h"
#include "io/refusal.h"

namespace gossamer::io {

struct ZipMember {
  std::string name;  // UTF-8
  bool deflated = false;
  uint32_t crc = 0;
  int64_t packed = 0;  // bytes in the archive
  int64_t size = 0;    // bytes unpacked
  int64_t begin = 0;   // of its data in the archive
};

// The members, in the order of the directory. The directory and what stands before each member agree, nothing
// overlaps, no name comes twice, and no size is beyond what its packed bytes could unpack to; FormatError otherwise.
std::vector<ZipMember> read_zip_directory(const ByteRange& archive, const Origin& origin);

// The bytes of a deflated member. Memory grows with what is really there. Throws FormatError unless size and checksum
// are those of the directory.
std::vector<std::byte> inflate_member(const ByteRange& archive, const ZipMember& member, const Origin& origin);
// Throws FormatError unless the checksum of a stored member is that of the directory.
void check_stored_member(const ByteRange& archive, const ZipMember& member, const Origin& origin);

// Writes an archive of stored members.
class ZipWriter {
 public:
  // Sizes and offsets from `zip64_from` on are written in 64 bits.
  explicit ZipWriter(AtomicFile& file, uint64_t zip64_from = 0xFFFFFFFF) : file_(file), zip64_from_(zip64_from) {}

  // A member that consists of the given parts. Its name has less than 2^16 bytes.
  void add(std::string_view name, std::initializer_list<std::span<const std::byte>> parts);
  // The directory, once, after all members.
  void finish();

 private:
  struct Written {
    std::string name;
    uint32_t crc;
    uint64_t size;
    uint64_t begin;
  };

  void write(std::string_view bytes);

  AtomicFile& file_;
  uint64_t zip64_from_;
  uint64_t at_ = 0;
  std::vector<Written> members_;
};

}  // namespace gossamer::io
