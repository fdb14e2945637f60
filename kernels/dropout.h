// Dropout kernels: one thread, raw pointers, noexcept, no allocation. An element is dropped or kept as a function of
// the key and its row-major number alone, so that both layouts of a batch draw the same mask, on every target.
#pragma once

#include <cstdint>

namespace gossamer::kernels {

// Element i is dropped where word i % 4 of block i / 4 of the Philox4x32-10 stream `key` is below the threshold.
struct DropoutMask {
  uint64_t key;
  uint32_t threshold;
};

// y[i] = 0 where element first + i is dropped, else scale x[i], for i in [0, n). first is a multiple of 4. x may be y.
void dropout_row(const DropoutMask& mask, uint64_t first, int64_t n, float scale, const float* x, float* y) noexcept;

// The same for a tile [features][width], of which lane l of feature f is element first + l * features + f; first and
// features are multiples of 4. width is one of kTileWidths.
void dropout_tile(const DropoutMask& mask, uint64_t first, int64_t features, int width, float scale, const float* x,
                  float* y) noexcept;

}  // namespace gossamer::kernels
