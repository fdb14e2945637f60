// Files as corpora and tests hold them: hexadecimal, or deflated by zlib and in base64.
#pragma once

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tests/support/files.h"

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

// `size` bytes that zlib made the given ones of.
inline Bytes unpacked(std::string_view base64, size_t size) {
  const Bytes packed = from_base64(base64);
  Bytes bytes(size);
  uLongf length = bytes.size();
  if (uncompress(bytes.data(), &length, packed.data(), packed.size()) != Z_OK || length != size) {
    throw std::runtime_error("what is packed must unpack to its size");
  }
  return bytes;
}

// The bytes of a case of a corpus.
inline Bytes corpus_bytes(const nlohmann::json& test_case) {
  if (test_case.contains("hex")) return from_hex(test_case.at("hex").get<std::string>());
  return unpacked(test_case.at("zlib_b64").get<std::string>(), test_case.at("length").get<size_t>());
}

}  // namespace gossamer
