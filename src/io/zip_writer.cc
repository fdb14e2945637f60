#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "io/zip.h"
#include "io/zip_format.h"

namespace gossamer::io {
namespace {

constexpr uint16_t kVersion = 20, kVersion64 = 45;
constexpr uint16_t kDate = 0x0021;  // the first day that a zip archive knows: equal arrays make equal files

// Little-endian numbers, one after the other.
class Fields {
 public:
  Fields& u16(uint64_t value) { return number(value, 2); }
  Fields& u32(uint64_t value) { return number(value, 4); }
  Fields& u64(uint64_t value) { return number(value, 8); }
  Fields& text(std::string_view value) {
    bytes_ += value;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  Fields& number(uint64_t value, int size) {
    for (int i = 0; i < size; ++i, value >>= 8) bytes_.push_back(static_cast<char>(static_cast<uint8_t>(value & 0xFF)));
    return *this;
  }

  std::string bytes_;
};

uint16_t flags_of(std::string_view name) { return zip::is_ascii(name) ? 0 : zip::kUtf8; }

}  // namespace

void ZipWriter::write(std::string_view bytes) {
  file_.write(bytes);
  at_ += bytes.size();
}

void ZipWriter::add(std::string_view name, std::initializer_list<std::span<const std::byte>> parts) {
  Written member{.name = std::string(name), .crc = 0, .size = 0, .begin = at_};
  for (const auto part : parts) {
    member.crc = static_cast<uint32_t>(crc32_z(member.crc, reinterpret_cast<const Bytef*>(part.data()), part.size()));
    member.size += part.size();
  }
  const bool large = member.size >= zip64_from_;
  Fields head;
  head.u32(zip::kMemberMark).u16(large ? kVersion64 : kVersion).u16(flags_of(name)).u16(0);
  head.u16(0).u16(kDate).u32(member.crc);
  for (int i = 0; i < 2; ++i) head.u32(large ? zip::kAll32 : member.size);
  head.u16(name.size()).u16(large ? 20 : 0).text(name);
  if (large) head.u16(zip::kZip64Extra).u16(16).u64(member.size).u64(member.size);
  write(head.bytes());
  for (const auto part : parts) {
    file_.write(part);
    at_ += part.size();
  }
  members_.push_back(std::move(member));
}

void ZipWriter::finish() {
  const uint64_t begin = at_;
  for (const Written& member : members_) {
    const bool large = member.size >= zip64_from_, far = member.begin >= zip64_from_;
    Fields extra;
    if (large) extra.u64(member.size).u64(member.size);
    if (far) extra.u64(member.begin);
    const size_t extra_bytes = extra.bytes().empty() ? 0 : 4 + extra.bytes().size();
    Fields entry;
    const uint16_t version = large || far ? kVersion64 : kVersion;
    entry.u32(zip::kDirectoryMark).u16(version).u16(version).u16(flags_of(member.name)).u16(0);
    entry.u16(0).u16(kDate).u32(member.crc);
    for (int i = 0; i < 2; ++i) entry.u32(large ? zip::kAll32 : member.size);
    entry.u16(member.name.size()).u16(extra_bytes).u16(0).u16(0).u16(0).u32(0);
    entry.u32(far ? zip::kAll32 : member.begin).text(member.name);
    if (extra_bytes > 0) entry.u16(zip::kZip64Extra).u16(extra.bytes().size()).text(extra.bytes());
    write(entry.bytes());
  }
  const uint64_t size = at_ - begin, count = members_.size();
  if (count >= zip::kAll16 || size >= zip64_from_ || begin >= zip64_from_) {
    const uint64_t end64 = at_;
    Fields end;
    end.u32(zip::kEnd64Mark).u64(44).u16(kVersion64).u16(kVersion64).u32(0).u32(0);
    end.u64(count).u64(count).u64(size).u64(begin);
    end.u32(zip::kLocator64Mark).u32(0).u64(end64).u32(1);
    write(end.bytes());
  }
  Fields end;
  end.u32(zip::kEndMark).u16(0).u16(0);
  for (int i = 0; i < 2; ++i) end.u16(std::min<uint64_t>(count, zip::kAll16));
  end.u32(size >= zip64_from_ ? zip::kAll32 : size).u32(begin >= zip64_from_ ? zip::kAll32 : begin).u16(0);
  write(end.bytes());
}

}  // namespace gossamer::io
