// What a reader and a writer of zip archives share.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace gossamer::io::zip {

// Parts begin with one of these.
inline constexpr uint32_t kMemberMark = 0x04034b50, kDirectoryMark = 0x02014b50, kEndMark = 0x06054b50,
                          kEnd64Mark = 0x06064b50, kLocator64Mark = 0x07064b50;

// Stand for numbers that are found in a field of 64 bits.
inline constexpr uint16_t kAll16 = 0xFFFF;
inline constexpr uint32_t kAll32 = 0xFFFFFFFF;
inline constexpr uint16_t kZip64Extra = 1;

// The flag of a name in UTF-8; without it a name is ASCII.
inline constexpr uint16_t kUtf8 = 1U << 11;
inline bool is_ascii(std::string_view name) {
  return std::ranges::all_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace gossamer::io::zip
