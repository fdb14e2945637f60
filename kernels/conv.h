// Convolution kernels: one thread, one image. Raw pointers, noexcept, no allocation.
//
// A source is laid out so that the output position p, counted along rows of the source's pitch, finds what tap k
// multiplies at source[offset[k] + p]: a convolution is a sum of shifted rows, and needs no patches. Taps number
// channels and places of the window together. float and double; on one SIMD target an element is the same bits however
// many are computed with it.
#pragma once

#include <cstdint>

namespace gossamer::kernels {

// Most positions and rows of one call of conv_tile.
inline constexpr int kConvPositions = 48;
inline constexpr int kConvRows = 8;

template <class T>
struct ConvSource {
  const T* data;
  const int64_t* offset;  // [taps]
  int64_t taps;
};

// y[r][p] = start + Σ_k w[k][r] source[offset[k] + p] for r in [0, rows) and p in [0, n), k ascending. w is
// [taps][rows]; rows of y are `pitch` >= kConvPositions apart. start is y itself where it accumulates, else bias[r]
// (null: 0). rows <= kConvRows, n <= kConvPositions; up to kConvPositions of a row of y are overwritten.
template <class T>
void conv_tile(const ConvSource<T>& source, const T* w, int rows, const T* bias, bool accumulate, int64_t n, T* y,
               int64_t pitch) noexcept;

// The same for one row of any length n, such as a channel of a depthwise convolution: y[p] = bias + Σ_k w[k]
// source[offset[k] + p].
template <class T>
void conv_row(const ConvSource<T>& source, const T* w, T bias, int64_t n, T* y) noexcept;

// Positions of a gradient: `rows` runs of `n`, each starting `pitch` after the one before in the source.
struct ConvRuns {
  int64_t rows;
  int64_t n;
  int64_t pitch;
};

// grad[k][lane] += Σ_row Σ_p dy[row][p][lane] source[offset[k] + row pitch + p]. dy is a tile [rows][n][width] with a
// width that is a multiple of 16, grad [taps][width].
template <class T>
void conv_weight_grad(const ConvSource<T>& source, const T* dy, int width, const ConvRuns& runs, T* grad) noexcept;

// grad[k] += Σ_row Σ_p dy[row][p] source[offset[k] + row pitch + p], for one channel of a depthwise convolution; rows
// of dy follow one another.
template <class T>
void conv_row_grad(const ConvSource<T>& source, const T* dy, const ConvRuns& runs, T* grad) noexcept;

// tile[k][p] = source[offset[k] + p] for p in [0, n), 0 up to width: the patches of n <= width positions, as the CSR
// kernels take them. width is one of kTileWidths.
template <class T>
void gather_patches(const ConvSource<T>& source, int64_t n, int width, T* tile) noexcept;

// Consecutive elements of a source.
struct ConvRun {
  int64_t from;
  int64_t n;
};

// tile[k] = the runs of source + offset[k], one after the other, then 0 up to width. Rows of the tile are `pitch`
// apart, no less than width and what the runs hold.
template <class T>
void gather_runs(const ConvSource<T>& source, const ConvRun* runs, int64_t count, int64_t width, int64_t pitch,
                 T* tile) noexcept;

// target[offset[k] + p] += tile[k][p] for p in [0, n), k ascending.
template <class T>
void add_patches(const T* tile, int width, const int64_t* offset, int64_t taps, int64_t n, T* target) noexcept;

}  // namespace gossamer::kernels
