// Streams of bytes that parsers read from without knowing whether memory, a plain file or a gzip file stands behind.
#pragma once

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

  // Fills `out` and returns its size, or less at the end of the stream. Throws FormatError when the stream is broken.
  virtual size_t read(std::span<uint8_t> out) = 0;

  // What to call the source in error messages.
  const std::string& name() const noexcept { return name_; }

 protected:
  explicit ByteSource(std::string name) : name_(std::move(name)) {}

 private:
  std::string name_;
};

// Reads from `bytes`, which must outlive the source.
std::unique_ptr<ByteSource> open_memory(std::span<const uint8_t> bytes, std::string_view name);

// Opens a file and decompresses it when it starts with gzip's magic bytes. `op` is the public function that errors
// name.
std::unique_ptr<ByteSource> open_file(const std::filesystem::path& path, std::string_view op);

}  // namespace gossamer::io
