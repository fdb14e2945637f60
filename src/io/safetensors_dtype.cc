#include "io/safetensors_dtype.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace gossamer::io {
namespace {

static_assert(std::endian::native == std::endian::little, "the bytes of tensors are those of files");

// binary16 is binary32 with fewer bits of exponent and fraction: every value has its own, NaN with its payload.
uint32_t from_half(uint16_t half) {
  const uint32_t sign = uint32_t{half & 0x8000U} << 16;
  const uint32_t exponent = half >> 10 & 0x1FU;
  const uint32_t fraction = half & 0x3FFU;
  if (exponent == 0) return sign | std::bit_cast<uint32_t>(static_cast<float>(fraction) * 0x1p-24F);
  if (exponent == 0x1F) return sign | 0x7F800000U | fraction << 13;
  return sign | (exponent + 127 - 15) << 23 | fraction << 13;
}

uint32_t from_bfloat(uint16_t bits) { return uint32_t{bits} << 16; }

template <class To, class From, To convert(From)>
void convert_elements(const std::byte* from, void* to, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    From in;
    std::memcpy(&in, from + i * static_cast<int64_t>(sizeof(From)), sizeof(From));
    const To out = convert(in);
    std::memcpy(static_cast<std::byte*>(to) + i * static_cast<int64_t>(sizeof(To)), &out, sizeof(To));
  }
}

template <class To, class From>
To widen(From x) {
  return x;
}
template <class To, class From>
constexpr auto kWiden = convert_elements<To, From, widen<To, From>>;

uint8_t truth(uint8_t byte) { return byte != 0; }

constexpr std::array kDtypes = {
    SafetensorsDtype{"BOOL", 8, DType::boolean, convert_elements<uint8_t, uint8_t, truth>},
    SafetensorsDtype{"F4", 4},
    SafetensorsDtype{"F6_E2M3", 6},
    SafetensorsDtype{"F6_E3M2", 6},
    SafetensorsDtype{"U8", 8, DType::i32, kWiden<int32_t, uint8_t>},
    SafetensorsDtype{"I8", 8, DType::i32, kWiden<int32_t, int8_t>},
    SafetensorsDtype{"F8_E5M2", 8},
    SafetensorsDtype{"F8_E4M3", 8},
    SafetensorsDtype{"F8_E5M2FNUZ", 8},
    SafetensorsDtype{"F8_E4M3FNUZ", 8},
    SafetensorsDtype{"F8_E8M0", 8},
    SafetensorsDtype{"I16", 16, DType::i32, kWiden<int32_t, int16_t>},
    SafetensorsDtype{"U16", 16, DType::i32, kWiden<int32_t, uint16_t>},
    SafetensorsDtype{"F16", 16, DType::f32, convert_elements<uint32_t, uint16_t, from_half>},
    SafetensorsDtype{"BF16", 16, DType::f32, convert_elements<uint32_t, uint16_t, from_bfloat>},
    SafetensorsDtype{"I32", 32, DType::i32},
    SafetensorsDtype{"U32", 32, DType::i64, kWiden<int64_t, uint32_t>},
    SafetensorsDtype{"F32", 32, DType::f32},
    SafetensorsDtype{"C64", 64},
    SafetensorsDtype{"F64", 64, DType::f64},
    SafetensorsDtype{"I64", 64, DType::i64},
    SafetensorsDtype{"U64", 64},
};

}  // namespace

const SafetensorsDtype* find_safetensors_dtype(std::string_view name) noexcept {
  const auto found = std::ranges::find(kDtypes, name, &SafetensorsDtype::name);
  return found == kDtypes.end() ? nullptr : &*found;
}

std::string_view safetensors_name(DType dtype) noexcept {
  constexpr std::string_view kNames[] = {"F32", "F64", "I64", "I32", "BOOL"};
  return kNames[static_cast<size_t>(dtype)];
}

}  // namespace gossamer::io
