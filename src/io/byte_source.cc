// Memory, plain files and gzip files (zlib) as streams of bytes.
#include "io/byte_source.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <utility>

#include "gossamer/error.h"
#include "io/input_file.h"
#include "runtime/check.h"

namespace gossamer::io {
namespace {

constexpr std::array kGzipMagic = {uint8_t{0x1f}, uint8_t{0x8b}};
constexpr std::string_view kGetAgain = "download or generate the file again";

class MemorySource final : public ByteSource {
 public:
  MemorySource(std::span<const uint8_t> bytes, std::string_view name) : ByteSource(std::string(name)), rest_(bytes) {}

  size_t read(std::span<uint8_t> out) override {
    const size_t n = std::min(out.size(), rest_.size());
    std::copy_n(rest_.begin(), n, out.begin());
    rest_ = rest_.subspan(n);
    return n;
  }

 private:
  std::span<const uint8_t> rest_;
};

class FileSource final : public ByteSource {
 public:
  FileSource(const std::filesystem::path& path, std::string_view op) : ByteSource(path.string()), file_(path, op) {}

  size_t read(std::span<uint8_t> out) override {
    const size_t known = std::min(out.size(), start_.size());
    std::copy_n(start_.begin(), known, out.begin());
    start_ = start_.subspan(known);
    return known + file_.read(std::as_writable_bytes(out.subspan(known)));
  }

  // What is looked at is read again.
  bool starts_with(std::span<const uint8_t> magic) {
    start_ = std::span(looked_at_).first(file_.read(std::as_writable_bytes(std::span(looked_at_).first(magic.size()))));
    return std::ranges::equal(start_, magic);
  }

 private:
  InputFile file_;
  std::array<uint8_t, 8> looked_at_{};
  std::span<const uint8_t> start_;  // of it, not yet read
};

enum class Packing {
  Gzip,     // a series of members (RFC 1952); the stream is what they hold, one after the other
  Deflate,  // one stream without a frame (RFC 1951)
};

class UnpackedSource final : public ByteSource {
 public:
  UnpackedSource(std::unique_ptr<ByteSource> packed, std::string_view op, Packing packing)
      : ByteSource(packed->name()), op_(op), packed_(std::move(packed)), packing_(packing) {
    const int window = packing == Packing::Gzip ? 16 + MAX_WBITS : -MAX_WBITS;
    if (inflateInit2(&stream_, window) != Z_OK) throw std::bad_alloc();
  }
  ~UnpackedSource() override { inflateEnd(&stream_); }

  size_t read(std::span<uint8_t> out) override {
    size_t done = 0;
    while (done < out.size() && !finished_) {
      if (stream_.avail_in == 0 && !refill()) {
        if (inside_member_ || !any_member_) {
          fail_broken("the compressed stream ends before its end mark (truncated)");
        }
        finished_ = true;
        break;
      }
      if (any_member_ && !inside_member_ && packing_ == Packing::Deflate) fail_broken("bytes follow its end mark");
      any_member_ = true;
      if (!std::exchange(inside_member_, true)) inflateReset(&stream_);
      done += inflate_into(out.subspan(done));
    }
    return done;
  }

 private:
  static constexpr size_t kBufferBytes = size_t{64} << 10;

  bool refill() {
    const size_t n = packed_->read(input_);
    stream_.next_in = input_.data();
    stream_.avail_in = static_cast<uInt>(n);
    return n > 0;
  }

  size_t inflate_into(std::span<uint8_t> out) {
    // zlib counts in unsigned int; the caller's loop comes back for the rest.
    const size_t room = std::min(out.size(), size_t{1} << 30);
    stream_.next_out = out.data();
    stream_.avail_out = static_cast<uInt>(room);
    switch (inflate(&stream_, Z_NO_FLUSH)) {
      case Z_STREAM_END:
        inside_member_ = false;
        break;
      case Z_OK:
      case Z_BUF_ERROR:  // needs more input
        break;
      case Z_MEM_ERROR:
        throw std::bad_alloc();
      default:
        fail_broken(stream_.msg != nullptr ? stream_.msg : "corrupt data");
    }
    return room - stream_.avail_out;
  }

  [[noreturn]] void fail_broken(std::string_view fault) const {
    fail<FormatError>(op_, packing_ == Packing::Gzip ? "a gzip file must be intact" : "deflated data must be intact",
                      fmt::format("'{}': {}", name(), fault), kGetAgain);
  }

  std::string op_;
  std::unique_ptr<ByteSource> packed_;
  Packing packing_;
  std::array<uint8_t, kBufferBytes> input_;
  z_stream stream_{};
  bool any_member_ = false;
  bool inside_member_ = false;
  bool finished_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> open_memory(std::span<const uint8_t> bytes, std::string_view name) {
  return std::make_unique<MemorySource>(bytes, name);
}

std::unique_ptr<ByteSource> open_file(const std::filesystem::path& path, std::string_view op) {
  auto file = std::make_unique<FileSource>(path, op);
  if (!file->starts_with(kGzipMagic)) return file;
  return unpack_gzip(std::move(file), op);
}

std::unique_ptr<ByteSource> unpack_gzip(std::unique_ptr<ByteSource> packed, std::string_view op) {
  return std::make_unique<UnpackedSource>(std::move(packed), op, Packing::Gzip);
}

std::unique_ptr<ByteSource> unpack_deflate(std::unique_ptr<ByteSource> packed, std::string_view op) {
  return std::make_unique<UnpackedSource>(std::move(packed), op, Packing::Deflate);
}

}  // namespace gossamer::io
