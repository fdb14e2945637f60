// Memory, plain files and gzip files (zlib) as streams of bytes.
#include "data/byte_source.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "gossamer/error.h"
#include "runtime/check.h"

namespace gossamer::data {
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
  FileSource(const std::filesystem::path& path, std::string_view op) : ByteSource(path.string()), op_(op) {
    std::error_code error;
    const std::filesystem::file_status status = std::filesystem::status(path, error);
    if (status.type() == std::filesystem::file_type::not_found) {
      fail<FormatError>(op_, "the file must exist", fmt::format("'{}' does not", name()), "check the path");
    }
    if (error) {
      fail<FormatError>(op_, "the path must lead to a file", fmt::format("'{}': {}", name(), error.message()),
                        "check links and the permissions of folders");
    }
    if (!std::filesystem::is_regular_file(status)) {
      fail<FormatError>(op_, "the path must name a regular file", fmt::format("'{}' is none", name()),
                        "check the path");
    }
    file_.open(path, std::ios::binary);
    if (!file_) {
      fail<FormatError>(op_, "the file must be readable", fmt::format("'{}' cannot be opened", name()),
                        "check its permissions");
    }
  }

  size_t read(std::span<uint8_t> out) override {
    file_.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size()));
    if (file_.bad()) fail<FormatError>(op_, "the file must be readable", fmt::format("reading '{}' failed", name()));
    return static_cast<size_t>(file_.gcount());
  }

  bool starts_with(std::span<const uint8_t> magic) {
    std::array<uint8_t, 8> start{};
    const size_t n = read(std::span(start).first(magic.size()));
    file_.clear();
    file_.seekg(0);
    return n == magic.size() && std::equal(magic.begin(), magic.end(), start.begin());
  }

 private:
  std::string op_;
  std::ifstream file_;
};

// A gzip file is a series of members (RFC 1952); the stream is what they hold, one after the other.
class GzipSource final : public ByteSource {
 public:
  GzipSource(std::unique_ptr<FileSource> file, std::string_view op)
      : ByteSource(file->name()), op_(op), file_(std::move(file)) {
    constexpr int kGzipOnly = 16 + MAX_WBITS;
    if (inflateInit2(&stream_, kGzipOnly) != Z_OK) throw std::bad_alloc();
  }
  ~GzipSource() override { inflateEnd(&stream_); }

  size_t read(std::span<uint8_t> out) override {
    size_t done = 0;
    while (done < out.size() && !finished_) {
      if (stream_.avail_in == 0 && !refill()) {
        if (inside_member_) fail_broken("the compressed stream ends before its end mark (truncated)");
        finished_ = true;
        break;
      }
      if (!std::exchange(inside_member_, true)) inflateReset(&stream_);
      done += inflate_into(out.subspan(done));
    }
    return done;
  }

 private:
  static constexpr size_t kBufferBytes = size_t{64} << 10;

  bool refill() {
    const size_t n = file_->read(input_);
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
    fail<FormatError>(op_, "a gzip file must be intact", fmt::format("'{}': {}", name(), fault), kGetAgain);
  }

  std::string op_;
  std::unique_ptr<FileSource> file_;
  std::array<uint8_t, kBufferBytes> input_;
  z_stream stream_{};
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
  return std::make_unique<GzipSource>(std::move(file), op);
}

}  // namespace gossamer::data
