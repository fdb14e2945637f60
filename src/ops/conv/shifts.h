// A convolution as a sum of shifted rows: where each tap finds what it multiplies. For the forward product and for the
// gradient of its input, which is a sum of the same kind over dY.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "gossamer/block_allocator.h"
#include "kernels/conv.h"

namespace gossamer {

// Rounded down and up, of any a and b > 0.
constexpr int64_t floor_div(int64_t a, int64_t b) { return (a >= 0 ? a : a - b + 1) / b; }
constexpr int64_t ceil_div(int64_t a, int64_t b) { return floor_div(a + b - 1, b); }

// One axis of a convolution.
struct ConvAxis {
  int64_t in;
  int64_t kernel;
  int64_t stride;
  int64_t padding;
  int64_t dilation;

  int64_t out() const { return (in + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1; }
};

// The sizes of a convolution [n, groups * in, y.in, x.in] -> [n, groups * out, y.out(), x.out()] with weights
// [groups * out, in, y.kernel, x.kernel].
struct ConvSize {
  int64_t n;
  int64_t groups;
  int64_t in;   // channels of a group
  int64_t out;  // channels of a group
  ConvAxis y, x;

  int64_t window() const { return y.kernel * x.kernel; }
  int64_t in_area() const { return y.in * x.in; }
  int64_t out_area() const { return y.out() * x.out(); }
};

// One axis of a sum of shifted rows: sum[i] = Σ_taps w[tap.k] source[step (i + tap.shift) + tap.phase] for i in [0,
// size), 0 outside of the source.
struct ShiftAxis {
  struct Tap {
    int64_t k;  // in the window
    int64_t phase;
    int64_t shift;
  };
  int64_t source;  // its size
  int64_t step;
  int64_t size;
  std::vector<Tap> taps;
  int64_t first = 0;  // smallest and largest shift
  int64_t last = 0;

  // Of the forward product.
  static ShiftAxis forward(const ConvAxis& axis);
  // Of the gradient of the inputs `residue`, residue + stride, ...
  static ShiftAxis input_grad(const ConvAxis& axis, int64_t residue);
};

// The place of each tap in a window of `kernel_x` columns.
BlockVector<int64_t> tap_places(const ShiftAxis& y, const ShiftAxis& x, int64_t kernel_x);

// Bands of consecutive rows of the sums, and the part of a source [channels, y.source, x.source] that one reads, spread
// so that taps are shifts: zeros where the source ends, a plane for each phase. Small images lie side by side, so that
// vectors of positions are full.
class Shifts {
 public:
  struct Cut {
    int64_t channels;  // of a source
    int64_t images;    // most that may lie side by side
    int64_t bands;     // wanted, as far as there are rows
    bool all = false;  // so many images and one band, whatever they take
  };
  template <class T>
  static Shifts make(ShiftAxis y, ShiftAxis x, const Cut& cut) {
    return Shifts(std::move(y), std::move(x), cut, static_cast<int64_t>(sizeof(T)));
  }

  const ShiftAxis& y() const { return y_; }
  const ShiftAxis& x() const { return x_; }
  int64_t taps() const { return static_cast<int64_t>(y_.taps.size() * x_.taps.size()); }

  int64_t bands() const { return bands_; }
  // Rows [first, second) of a band.
  std::pair<int64_t, int64_t> rows(int64_t band) const {
    return {band * y_.size / bands_, (band + 1) * y_.size / bands_};
  }
  // Images side by side.
  int64_t images() const { return images_; }
  // Column x of image i in row y is position y * pitch + i * image_pitch + x.
  int64_t pitch() const { return images_ * image_pitch_; }
  int64_t image_pitch() const { return image_pitch_; }
  int64_t positions(int64_t rows, int64_t images) const {
    return rows == 0 ? 0 : (rows - 1) * pitch() + (images - 1) * image_pitch_ + x_.size;
  }

  // Whether a source is read where it lies, without being spread.
  bool direct() const { return direct_; }
  // Elements of a spread band of so many channels; 0 where sources are read directly.
  int64_t band_size(int64_t channels) const { return direct_ ? 0 : channels * channel_; }
  // [channels * taps], channel by channel.
  const BlockVector<int64_t>& offsets() const { return offsets_; }

  // The source of a band: spread into `to`, [band_size], or where it lies. `from` is [channels, y.source, x.source],
  // each of the `images` image_stride after the one before.
  template <class T>
  const T* spread(const T* from, int64_t image_stride, int64_t images, int64_t channels, int64_t band, T* to) const;

  // The transposed of spread(): adds what lies in `band` to `to`; what lies in zeros is dropped. Not for sources that
  // are read directly.
  template <class T>
  void add_back(const T* from, int64_t band, int64_t images, int64_t channels, int64_t image_stride, T* to) const;

 private:
  // A phase of x, and the columns [begin, end) of a row that lie in the source.
  struct Columns {
    int64_t phase, begin, end;
  };
  Shifts(ShiftAxis y, ShiftAxis x, const Cut& cut, int64_t element_bytes);
  // The number of images, at most `most`, that leaves the fewest lanes of vectors empty.
  int64_t choose_images(int64_t most) const;

  ShiftAxis y_, x_;
  BlockVector<int64_t> phases_y_;
  std::vector<Columns> phases_x_;
  bool direct_;
  int64_t image_pitch_;
  int64_t images_ = 1;
  int64_t bands_;
  int64_t rest_;         // zeros behind the last row, which no next row holds
  int64_t plane_ = 0;    // elements of a phase of a channel
  int64_t channel_ = 0;  // elements of a channel
  BlockVector<int64_t> offsets_;
};

}  // namespace gossamer
