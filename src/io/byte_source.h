// Streams of bytes that parsers read from without knowing whether memory, a plain file or a gzip file stands behind.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace gossamer::io {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  // Fills `out` and returns its size, or less at the end of the stream. Throws FormatError when the stream is broken,
  // FileError when it cannot be read.
  virtual size_t read(std::span<uint8_t> out) = 0;

  // What to call the source in error messages.
  const std::string& name() const noexcept { return name_; }

 protected:
  explicit ByteSource(std::string name) : name_(std::move(name)) {}

 private:
  std::string name_;
};

// Up to `limit` bytes, fewer at the end of the stream, as a std::string or a vector of uint8_t. `expected` bytes are
// taken at once, 8 MiB at most; beyond, memory follows the data that arrives and not what a header claims.
template <class Bytes>
Bytes read_bytes(ByteSource& source, int64_t limit, int64_t expected = 0) {
  constexpr int64_t kReserve = int64_t{8} << 20;
  constexpr int64_t kChunk = int64_t{1} << 20;
  Bytes bytes;
  bytes.reserve(static_cast<size_t>(std::min({expected, limit, kReserve})));
  for (int64_t done = 0; done < limit;) {
    const int64_t chunk = std::min(limit - done, kChunk);
    bytes.resize(static_cast<size_t>(done + chunk));
    const std::span out(reinterpret_cast<uint8_t*>(bytes.data()) + done, static_cast<size_t>(chunk));
    const auto got = static_cast<int64_t>(source.read(out));
    done += got;
    if (got < chunk) {
      bytes.resize(static_cast<size_t>(done));
      break;
    }
  }
  return bytes;
}

// Whether the stream has no more bytes; takes one where it has.
inline bool at_end(ByteSource& source) {
  uint8_t byte = 0;
  return source.read({&byte, 1}) == 0;
}

// Reads from `bytes`, which must outlive the source.
std::unique_ptr<ByteSource> open_memory(std::span<const uint8_t> bytes, std::string_view name);

// Opens a file (FileError) and decompresses it when it starts with gzip's magic bytes. `op` is the public function that
// errors name.
std::unique_ptr<ByteSource> open_file(const std::filesystem::path& path, std::string_view op);

// What the gzip file that `packed` gives holds, and what a deflated stream does that ends with it.
std::unique_ptr<ByteSource> unpack_gzip(std::unique_ptr<ByteSource> packed, std::string_view op);
std::unique_ptr<ByteSource> unpack_deflate(std::unique_ptr<ByteSource> packed, std::string_view op);

}  // namespace gossamer::io
