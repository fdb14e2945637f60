// Every field that two places of an archive hold is compared, so that no other reader sees another archive.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gossamer/error.h"
#include "io/zip.h"
#include "io/zip_format.h"
#include "runtime/utf8.h"

namespace gossamer::io {
namespace {

// Bytes of the parts, without what varies.
constexpr int64_t kMemberHead = 30, kDirectoryHead = 46, kEnd = 22, kEnd64 = 56, kLocator64 = 20;

// Bits of the flags.
constexpr unsigned kEncrypted = 1U, kDescriptorFollows = 1U << 3;
constexpr unsigned kDeflateLevel = 3U << 1;  // how hard the writer tried

// Little-endian numbers, one after the other. Whoever reads has checked that they are there.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : bytes_(bytes) {}

  size_t left() const { return bytes_.size(); }
  std::string_view text(size_t size) {
    const std::string_view found = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return found;
  }
  uint64_t number(size_t size) {
    uint64_t value = 0;
    for (const char c : text(size)) value = value >> 8 | uint64_t{static_cast<unsigned char>(c)} << 56;
    return value >> (64 - 8 * size);
  }
  uint16_t u16() { return static_cast<uint16_t>(number(2)); }
  uint32_t u32() { return static_cast<uint32_t>(number(4)); }
  uint64_t u64() { return number(8); }

 private:
  std::string_view bytes_;
};

// What the directory and the head of a member both say.
struct Head {
  uint16_t flags = 0;
  uint16_t method = 0;
  uint32_t crc = 0;
  uint64_t packed = 0;
  uint64_t size = 0;
};

class DirectoryReader {
 public:
  DirectoryReader(const ByteRange& archive, const Origin& origin)
      : archive_(archive), origin_(origin), budget_(archive.size()) {}

  std::vector<ZipMember> read() {
    find_directory();
    budget_.take(static_cast<size_t>(directory_bytes_), origin_);
    const std::string bytes = bytes_at(directory_, directory_bytes_);
    Fields fields(bytes);
    std::vector<ZipMember> members;
    for (int64_t i = 0; i < entries_; ++i) members.push_back(read_entry(fields));
    if (fields.left() > 0) wrong("the directory must end after its last entry", "it goes on");
    check_order();
    return members;
  }

 private:
  struct Extent {
    int64_t begin, end;
    bool operator<(const Extent& other) const { return begin < other.begin; }
  };

  [[noreturn]] void wrong(std::string_view must, std::string_view given) const {
    origin_.refuse(must, given, "write the archive again, as by numpy.savez");
  }

  // Of what lies within the archive.
  std::string bytes_at(int64_t begin, int64_t size) const {
    std::string bytes(static_cast<size_t>(size), '\0');
    archive_.read(begin, std::as_writable_bytes(std::span(bytes)));
    return bytes;
  }

  // A number that counts bytes of the archive or what is in it.
  int64_t checked(uint64_t value, std::string_view what) const {
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      wrong(fmt::format("{} must fit 63 bits", what), fmt::format("{}", value));
    }
    return static_cast<int64_t>(value);
  }

  void find_directory() {
    const int64_t end = archive_.size() - kEnd;
    if (end < 0) wrong("a zip archive must end with its directory", fmt::format("{} bytes", archive_.size()));
    const std::string bytes = bytes_at(end, kEnd);
    Fields fields(bytes);
    if (fields.u32() != zip::kEndMark) {
      wrong("a zip archive must end with its directory, without a comment", "it is truncated, goes on or is none");
    }
    if (fields.u16() != 0 || fields.u16() != 0) wrong("an archive must have one part", "several");
    const uint16_t here = fields.u16(), entries = fields.u16();
    const uint32_t size = fields.u32(), begin = fields.u32();
    if (fields.u16() != 0) wrong("an archive must end with its directory", "a comment follows");
    if (here != entries) wrong("an archive must have one part", "several");

    int64_t directory_end = end;
    if (!read_end64(end, entries, size, begin, directory_end)) {
      entries_ = entries;
      directory_bytes_ = size;
      directory_ = begin;
    }
    if (directory_bytes_ > directory_end || directory_ != directory_end - directory_bytes_) {
      wrong("the directory must stand at the end of the archive",
            fmt::format("{} bytes of it at {}, in an archive of {}", directory_bytes_, directory_, archive_.size()));
    }
    if (entries_ > directory_bytes_ / kDirectoryHead) {
      wrong("the directory must hold all entries", fmt::format("{} in {} bytes", entries_, directory_bytes_));
    }
  }

  // What stands before the end of an archive with numbers of 64 bits; false where nothing does.
  bool read_end64(int64_t end, uint16_t entries, uint32_t size, uint32_t begin, int64_t& directory_end) {
    constexpr std::string_view kMust = "the end of an archive with 64-bit numbers must be whole";
    const bool asked = entries == zip::kAll16 || size == zip::kAll32 || begin == zip::kAll32;
    const int64_t at = end - kLocator64 - kEnd64;
    if (at < 0) {
      if (asked) wrong(kMust, "it is cut");
      return false;
    }
    const std::string bytes = bytes_at(at, kEnd64 + kLocator64);
    Fields fields(bytes);
    Fields locator(std::string_view(bytes).substr(kEnd64));
    if (locator.u32() != zip::kLocator64Mark) {
      if (asked) wrong(kMust, "it is missing");
      return false;
    }
    if (locator.u32() != 0 || locator.u64() != static_cast<uint64_t>(at) || locator.u32() != 1 ||
        fields.u32() != zip::kEnd64Mark || fields.u64() != kEnd64 - 12) {
      wrong(kMust, "it is damaged or extended");
    }
    fields.u16();  // of the writer
    fields.u16();
    if (fields.u32() != 0 || fields.u32() != 0) wrong("an archive must have one part", "several");
    const uint64_t here = fields.u64(), entries64 = fields.u64(), size64 = fields.u64(), begin64 = fields.u64();
    const bool agrees = here == entries64 && (entries == zip::kAll16 || entries == entries64) &&
                        (size == zip::kAll32 || size == size64) && (begin == zip::kAll32 || begin == begin64);
    if (!agrees) wrong(kMust, "it says other than the short form of it");
    entries_ = checked(entries64, "the number of entries");
    directory_bytes_ = checked(size64, "the size of the directory");
    directory_ = checked(begin64, "the place of the directory");
    directory_end = at;
    return true;
  }

  // Replaces what is too large for 32 bits by what the extra field of zip64 says. Fields that are not asked for may
  // stand there in the head of a member, never in the directory.
  void read_extra(std::string_view extra, std::initializer_list<uint64_t*> numbers) const {
    bool asked = false;
    for (const uint64_t* number : numbers) asked = asked || *number == zip::kAll32;
    bool found = false;
    for (Fields fields(extra); fields.left() > 0;) {
      if (fields.left() < 4) wrong("extra fields must be whole", "one is cut");
      const uint16_t id = fields.u16(), size = fields.u16();
      if (size > fields.left()) wrong("extra fields must be whole", "one is cut");
      Fields field(fields.text(size));
      if (id != zip::kZip64Extra) continue;
      if (std::exchange(found, true)) wrong("an entry must have one field of 64-bit numbers", "two");
      for (uint64_t* number : numbers) {
        if (*number != zip::kAll32) continue;
        if (field.left() < 8) wrong("a field of 64-bit numbers must hold all that are asked for", "fewer");
        *number = field.u64();
      }
    }
    if (asked && !found) wrong("an entry must hold the 64-bit numbers it asks for", "none");
  }

  static Head read_head(Fields& fields) {
    fields.u16();  // the version that reads it: what is needed for that shows in the rest
    Head head;
    head.flags = fields.u16();
    head.method = fields.u16();
    fields.u32();  // time and date
    head.crc = fields.u32();
    head.packed = fields.u32();
    head.size = fields.u32();
    return head;
  }

  ZipMember read_entry(Fields& fields) {
    if (fields.left() < kDirectoryHead || fields.u32() != zip::kDirectoryMark) {
      wrong("the directory must consist of entries", "something else");
    }
    fields.u16();  // the version that wrote it
    Head head = read_head(fields);
    const uint16_t name_bytes = fields.u16(), extra_bytes = fields.u16(), comment_bytes = fields.u16();
    const uint16_t part = fields.u16();
    fields.u16();  // attributes
    fields.u32();
    uint64_t begin = fields.u32();
    if (fields.left() < size_t{name_bytes} + extra_bytes + comment_bytes) {
      wrong("the directory must consist of entries", "one is cut");
    }
    const std::string name(fields.text(name_bytes));
    read_extra(fields.text(extra_bytes), {&head.size, &head.packed, &begin});
    fields.text(comment_bytes);
    if (part != 0) wrong("an archive must have one part", "several");
    constexpr size_t kPerMember = 512;  // of memory, here and as an array, beside the name
    budget_.take(kPerMember + 2 * name.size(), origin_);
    check_name(name, head.flags);
    check_head(name, head);

    ZipMember member{.name = name,
                     .deflated = head.method != 0,
                     .crc = head.crc,
                     .packed = checked(head.packed, "the size of a member"),
                     .size = checked(head.size, "the size of a member")};
    member.begin = data_of(name, head, checked(begin, "the place of a member"));
    check_sizes(member);
    return member;
  }

  void check_name(const std::string& name, unsigned flags) {
    // Python ends a name at a NUL, other readers do not.
    if (name.empty() || name.find('\0') != std::string::npos) {
      wrong("members must have names without NUL", fmt::format("{}", shown(name)));
    }
    if (!zip::is_ascii(name) && ((flags & zip::kUtf8) == 0 || !rt::is_utf8(name))) {
      wrong("names of members must be UTF-8, and marked as such", shown(name));
    }
    if (!names_.insert(name).second) wrong("names of members must differ", fmt::format("{} twice", shown(name)));
  }

  void check_head(const std::string& name, const Head& head) const {
    if ((head.flags & kEncrypted) != 0) {
      origin_.refuse("members must not be encrypted", fmt::format("{} is", shown(name)), "write it without a password");
    }
    if ((head.flags & ~(kDeflateLevel | kDescriptorFollows | zip::kUtf8)) != 0) {
      wrong("members must be plain", fmt::format("{} has flags {:#06x}", shown(name), head.flags));
    }
    constexpr uint16_t kStored = 0, kDeflated = 8;
    if (head.method != kStored && head.method != kDeflated) {
      origin_.refuse("members must be stored or deflated", fmt::format("{} has method {}", shown(name), head.method),
                     "write the archive as numpy.savez does");
    }
  }

  void check_sizes(const ZipMember& member) const {
    if (!member.deflated && member.size != member.packed) {
      wrong("a stored member must have one size",
            fmt::format("{} has {} and {} bytes", shown(member.name), member.packed, member.size));
    }
    // No bit of deflate gives more than 258 bytes for 2 bits.
    constexpr int64_t kMostDeflated = 1032;
    if (member.deflated && member.size / kMostDeflated > member.packed) {
      wrong("a member must be no larger than its packed bytes can make it",
            fmt::format("{} has {} bytes of {}", shown(member.name), member.size, member.packed));
    }
  }

  // Compares the head of the member that stands at `begin` with its entry, and returns where its data begin.
  int64_t data_of(const std::string& name, const Head& entry, int64_t begin) {
    const auto outside = [&] {
      wrong("members must stand before the directory", fmt::format("{} does not", shown(name)));
    };
    if (begin > directory_ - kMemberHead) outside();
    const std::string bytes = bytes_at(begin, kMemberHead);
    Fields fields(bytes);
    const uint32_t mark = fields.u32();
    Head head = read_head(fields);
    const int64_t name_bytes = fields.u16(), extra_bytes = fields.u16();
    const int64_t data = begin + kMemberHead + name_bytes + extra_bytes;
    if (data > directory_ || static_cast<int64_t>(entry.packed) > directory_ - data) outside();

    const std::string rest = bytes_at(begin + kMemberHead, name_bytes + extra_bytes);
    const std::string_view found = std::string_view(rest).substr(0, static_cast<size_t>(name_bytes));
    read_extra(std::string_view(rest).substr(found.size()), {&head.size, &head.packed});
    // Where a descriptor follows the data, the writer did not know the sizes yet.
    const bool follows = (entry.flags & kDescriptorFollows) != 0;
    const bool agrees = mark == zip::kMemberMark && found == name && head.flags == entry.flags &&
                        head.method == entry.method &&
                        (follows || (head.crc == entry.crc && head.packed == entry.packed && head.size == entry.size));
    if (!agrees) {
      wrong("the directory and the members must agree", fmt::format("they do not about {}", shown(name)));
    }
    extents_.push_back({begin, data + static_cast<int64_t>(entry.packed)});
    return data;
  }

  void check_order() {
    std::ranges::sort(extents_, {}, &Extent::begin);
    const auto overlap = [](const Extent& a, const Extent& b) { return a.end > b.begin; };
    if (std::ranges::adjacent_find(extents_, overlap) != extents_.end()) {
      wrong("members must not overlap", "two do");
    }
  }

  const ByteRange& archive_;
  const Origin& origin_;
  MemoryBudget budget_;
  int64_t entries_ = 0;
  int64_t directory_ = 0;  // where it begins
  int64_t directory_bytes_ = 0;
  std::set<std::string, std::less<>> names_;
  std::vector<Extent> extents_;
};

uint32_t crc_of(uint32_t crc, std::span<const uint8_t> bytes) {
  return static_cast<uint32_t>(crc32_z(crc, bytes.data(), bytes.size()));
}

void check_crc(const ZipMember& member, uint32_t crc, const Origin& origin) {
  if (crc == member.crc) return;
  origin.refuse("the checksum of a member must be that of the directory",
                fmt::format("{} has {:08x}, not {:08x}", shown(member.name), crc, member.crc),
                "copy or write the archive again");
}

}  // namespace

std::vector<ZipMember> read_zip_directory(const ByteRange& archive, const Origin& origin) {
  return DirectoryReader(archive, origin).read();
}

std::vector<std::byte> inflate_member(const ByteRange& archive, const ZipMember& member, const Origin& origin) {
  const auto source = unpack_deflate(open_range(archive.part(member.begin, member.packed), origin.name), origin.op);
  auto bytes = read_bytes<std::vector<std::byte>>(*source, member.size, member.size);
  if (std::ssize(bytes) != member.size || !at_end(*source)) {
    origin.refuse("a member must unpack to the size that the directory says",
                  fmt::format("{} has {} than {} bytes", shown(member.name),
                              std::ssize(bytes) < member.size ? "fewer" : "more", member.size),
                  "copy or write the archive again");
  }
  check_crc(member, crc_of(0, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}), origin);
  return bytes;
}

void check_stored_member(const ByteRange& archive, const ZipMember& member, const Origin& origin) {
  const auto source = open_range(archive.part(member.begin, member.packed), origin.name);
  std::vector<uint8_t> chunk(size_t{1} << 16);
  uint32_t crc = 0;
  while (const size_t n = source->read(chunk)) crc = crc_of(crc, std::span(chunk).first(n));
  check_crc(member, crc, origin);
}

}  // namespace gossamer::io
