// Scalar specification of the dropout kernels, and the only Philox there is. See kernels/dropout.h for the contracts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "kernels/dropout.h"

namespace gossamer::kernels::reference {

// Philox4x32-10 (Salmon et al. 2011, https://doi.org/10.1145/2063384.2063405).
inline std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) noexcept {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * counter[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(p0)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

inline std::array<uint32_t, 4> dropout_words(uint64_t key, uint64_t block) noexcept {
  return philox4x32({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0},
                    {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)});
}

template <class T>
void dropout_row(const DropoutMask& mask, uint64_t first, int64_t n, T scale, const T* x, T* y) noexcept {
  for (int64_t i = 0; i < n; i += 4) {
    const auto words = dropout_words(mask.key, first / 4 + static_cast<uint64_t>(i / 4));
    for (int64_t j = 0; j < 4 && i + j < n; ++j) {
      y[i + j] = words[static_cast<size_t>(j)] < mask.threshold ? T(0) : x[i + j] * scale;
    }
  }
}

inline void dropout_tile(const DropoutMask& mask, uint64_t first, int64_t features, int width, float scale,
                         const float* x, float* y) noexcept {
  for (int64_t lane = 0; lane < width; ++lane) {
    for (int64_t f = 0; f < features; f += 4) {
      const auto words = dropout_words(mask.key, (first + static_cast<uint64_t>(lane * features + f)) / 4);
      for (int64_t j = 0; j < 4; ++j) {
        const int64_t at = (f + j) * width + lane;
        y[at] = words[static_cast<size_t>(j)] < mask.threshold ? 0.0F : x[at] * scale;
      }
    }
  }
}

}  // namespace gossamer::kernels::reference
