// Safetensors files made byte by byte, and those of the corpus.
#pragma once

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tests/support/files.h"
#include "tests/support/golden.h"

namespace gossamer {

inline Bytes from_hex(std::string_view hex) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

inline Bytes from_base64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  Bytes bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text.substr(0, text.find('='))) {
    const size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) throw std::runtime_error("not base64");
    bits = bits << 6 | static_cast<uint32_t>(digit);
    count += 6;
    if (count >= 8) bytes.push_back(static_cast<uint8_t>(bits >> (count -= 8)));
  }
  return bytes;
}

// The file of a case of a corpus.
inline Bytes corpus_bytes(const golden::Json& c) {
  if (c.contains("hex")) return from_hex(c.at("hex").get<std::string>());
  const Bytes packed = from_base64(c.at("zlib_b64").get<std::string>());
  Bytes bytes(c.at("length").get<size_t>());
  uLongf size = bytes.size();
  if (uncompress(bytes.data(), &size, packed.data(), packed.size()) != Z_OK || size != bytes.size()) {
    throw std::runtime_error("a case of the corpus cannot be unpacked");
  }
  return bytes;
}

// The length of the header, the header, the data.
inline Bytes safetensors_bytes(std::string_view header, const Bytes& data = {}) {
  Bytes bytes;
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<uint8_t>(static_cast<uint64_t>(header.size()) >> (8 * i)));
  bytes.insert(bytes.end(), header.begin(), header.end());
  bytes.insert(bytes.end(), data.begin(), data.end());
  return bytes;
}

inline Bytes text_bytes(std::string_view text) { return Bytes(text.begin(), text.end()); }

}  // namespace gossamer
