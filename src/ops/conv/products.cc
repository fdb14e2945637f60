// The forward product of a convolution and the gradient of its input: sums of shifted rows.
#include "ops/conv/products.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>

#include "gossamer/block_allocator.h"
#include "gossamer/tensor.h"
#include "kernels/csr.h"
#include "ops/conv/depthwise.h"
#include "ops/conv/sums.h"
#include "runtime/parallel.h"
#include "runtime/scratch.h"

namespace gossamer {

namespace {

using kernels::kConvPositions;
using kernels::kConvRows;

// The weights of a group seen as [rows, channels, places], of which some places are taken, with the strides of rows and
// channels.
struct WeightView {
  int64_t rows, channels;
  int64_t row_stride, channel_stride;
  BlockVector<int64_t> places;
  bool in_order = false;  // the taps of a row follow one another

  int64_t taps() const { return channels * std::ssize(places); }
};

// Weights of all groups as the kernel takes them: [group][block of kConvRows rows][taps][rows of the block].
template <class T>
Tensor pack_weights(int64_t groups, const WeightView& view, int64_t group_stride, const T* w) {
  Tensor packed = Tensor::empty({groups * view.rows * view.taps()}, dtype_of<T>);
  T* const to = packed.mutable_data<T>();
  const int64_t blocks = ceil_div(view.rows, kConvRows);
  rt::parallel_for(groups * blocks, [&](int64_t task) {
    const int64_t row = task % blocks * kConvRows;
    const int64_t count = std::min<int64_t>(kConvRows, view.rows - row);
    const T* const from = w + task / blocks * group_stride + row * view.row_stride;
    T* block = to + (task / blocks * view.rows + row) * view.taps();
    if (view.in_order && count == kConvRows) {
      return kernels::pack_tile(from, view.row_stride, kConvRows, view.taps(), kConvRows, block);
    }
    for (int64_t c = 0; c < view.channels; ++c) {
      for (const int64_t place : view.places) {
        const T* const first = from + c * view.channel_stride + place;
        for (int64_t r = 0; r < count; ++r) *block++ = first[r * view.row_stride];
      }
    }
  });
  return packed;
}

// Positions of all images follow one another: calls f(p - begin, image, position in it, count) for the parts of
// [begin, end) that lie in one run of `length` positions, of `area` to an image.
template <class F>
void for_each_part(int64_t begin, int64_t end, int64_t area, int64_t length, const F& f) {
  for (int64_t p = begin; p < end;) {
    const int64_t at = p % area;
    const int64_t n = std::min(end - p, length - at % length);
    f(p - begin, p / area, at, n);
    p += n;
  }
}

// A sum of shifted rows for all images and groups.
template <class T>
struct Sums {
  const ShiftAxis& y;
  const ShiftAxis& x;
  int64_t n, groups;
  int64_t in, out;  // channels of a group: of the source, of the result
  const T* source;
  const T* packed;
  const T* bias;  // null: none
  ConvTarget<T> target;

  // Small images leave vectors part empty where rows have a pitch. Patches fill them, and pay where many rows read
  // each.
  void run() const {
    if (n * groups * area() == 0) return;
    const bool many = n * area() >= 4 * kConvPositions;
    if (many && area() <= std::min(kMostPatchArea, out * out / 16)) return by_patches();
    by_shifts();
  }

 private:
  // Larger images are spread whole for each chunk of their positions.
  static constexpr int64_t kMostPatchArea = 1024;
  // Positions whose sums a task holds: the weights are read once for all of them.
  static constexpr int64_t kChunk = 5 * kConvPositions;
  // What a block of taps reads at the positions of a tile stays in L1 for all rows. Shifted taps share what they read.
  static constexpr int64_t kShiftedTaps = 288;
  static constexpr int64_t kPatchTaps = 144;

  int64_t area() const { return y.size * x.size; }
  int64_t source_area() const { return y.source * x.source; }
  int64_t source_pitch() const { return groups * in * source_area(); }
  int64_t window() const { return static_cast<int64_t>(y.taps.size() * x.taps.size()); }
  // Channels of a block of about `taps` taps.
  int64_t block_of(int64_t taps) const {
    return std::clamp<int64_t>(taps / std::max<int64_t>(1, window()), 1, std::max<int64_t>(1, in));
  }
  const T* source_of(int64_t image, int64_t group) const {
    return source + (image * groups + group) * in * source_area();
  }

  // Calls f(band, group, first row, last row); few bands share out their rows too, `least` or more each.
  template <class F>
  void for_each_task(int64_t bands, int64_t least, const F& f) const {
    const int64_t blocks = ceil_div(out, kConvRows);
    const int64_t parts = std::clamp<int64_t>(kConvTasks / (bands * groups), 1, std::max<int64_t>(1, out / least));
    rt::parallel_for(bands * groups * parts, [&](int64_t task) {
      const int64_t part = task % parts;
      f(task / parts % bands, task / parts / bands, part * blocks / parts * kConvRows,
        std::min(out, (part + 1) * blocks / parts * kConvRows));
    });
  }

  // Rows [first, last) of a tile of `positions`, kChunk apart: adds taps [k, k + from.taps).
  void multiply(const kernels::ConvSource<T>& from, int64_t group, int64_t k, int64_t first, int64_t last,
                int64_t positions, T* tile) const {
    const int64_t taps = in * window();
    const T* const w = packed + group * out * taps;
    const T* const b = bias == nullptr ? nullptr : bias + group * out;
    for (int64_t p = 0; p < positions; p += kConvPositions) {
      for (int64_t r = first; r < last; r += kConvRows) {
        const int64_t rows = std::min<int64_t>(kConvRows, out - r);
        kernels::conv_tile<T>({from.data + p, from.offset, from.taps}, w + r * taps + k * rows, static_cast<int>(rows),
                              b == nullptr ? nullptr : b + r, k > 0, std::min<int64_t>(kConvPositions, positions - p),
                              tile + (r - first) * kChunk + p, kChunk);
      }
    }
  }

  void by_shifts() const {
    const int64_t parts = std::max<int64_t>(1, out / (4 * kConvRows));
    const Shifts shifts = Shifts::make<T>(y, x,
                                          {.channels = in,
                                           .images = std::min(n, n * groups * parts / kConvTasks),
                                           .bands = kConvTasks / std::max<int64_t>(1, n * groups)});
    for_each_task(ceil_div(n, shifts.images()) * shifts.bands(), kConvRows,
                  [&](int64_t band, int64_t group, int64_t first, int64_t last) {
                    band_of(shifts, band / shifts.bands() * shifts.images(), group, band % shifts.bands(), first, last);
                  });
  }

  // Rows [first, last) of one band of the images that lie side by side.
  void band_of(const Shifts& shifts, int64_t image, int64_t group, int64_t band, int64_t first, int64_t last) const {
    const int64_t band_size = ceil_div(shifts.band_size(in), 16) * 16;
    const rt::Scratch scratch((band_size + (last - first) * kChunk) * static_cast<int64_t>(sizeof(T)));
    T* const spread = reinterpret_cast<T*>(scratch.data());
    T* const tile = spread + band_size;
    const int64_t images = std::min(shifts.images(), n - image);
    const T* const from = shifts.spread(source_of(image, group), source_pitch(), images, in, band, spread);
    ConvTarget<T> to = target;
    to.data += image * target.image + (group * out + first) * target.channel;

    const int64_t block = std::max<int64_t>(1, block_of(kShiftedTaps) * window());
    const auto [row, end_row] = shifts.rows(band);
    const int64_t positions = shifts.positions(end_row - row, images);
    for (int64_t p = 0; p < positions; p += kChunk) {
      const int64_t count = std::min(kChunk, positions - p);
      for (int64_t k = 0; k == 0 || k < in * window(); k += block) {
        multiply({from + p, shifts.offsets().data() + k, std::min(block, in * window() - k)}, group, k, first, last,
                 count, tile);
      }
      store_positions<T>(shifts, row, images, p, count, last - first, tile, kChunk, to);
    }
  }

  void by_patches() const {
    const int64_t positions = n * area();
    const int64_t chunk = std::min(kChunk, ceil_div(positions, kConvTasks * kConvPositions) * kConvPositions);
    const Shifts shifts = Shifts::make<T>(
        y, x, {.channels = block_of(kPatchTaps), .images = (chunk - 2 + area()) / area() + 1, .bands = 1, .all = true});
    BlockVector<int64_t> offsets;
    for (int64_t k = 0; k < block_of(kPatchTaps) * window(); ++k) offsets.push_back(k * kChunk);
    for_each_task(ceil_div(positions, chunk), 8 * kConvRows,
                  [&](int64_t i, int64_t group, int64_t first, int64_t last) {
                    chunk_of(shifts, offsets, i * chunk, std::min(positions, (i + 1) * chunk), group, first, last);
                  });
  }

  // Rows [first, last) at the positions [begin, end) of all images.
  void chunk_of(const Shifts& shifts, const BlockVector<int64_t>& offsets, int64_t begin, int64_t end, int64_t group,
                int64_t first, int64_t last) const {
    const int64_t block = block_of(kPatchTaps);
    const int64_t band_size = ceil_div(shifts.band_size(block), 16) * 16;
    const int64_t patch_size = block * window() * kChunk;
    const rt::Scratch scratch((band_size + patch_size + (last - first) * kChunk) * static_cast<int64_t>(sizeof(T)));
    T* const spread = reinterpret_cast<T*>(scratch.data());
    T* const patches = spread + band_size;
    T* const tile = patches + patch_size;

    const int64_t image = begin / area();
    const int64_t images = (end - 1) / area() + 1 - image;
    std::array<kernels::ConvRun, kChunk> runs{};  // each has a position at least
    int64_t count_of_runs = 0;
    for_each_part(
        begin, end, area(), shifts.direct() ? area() : x.size, [&](int64_t, int64_t i, int64_t at, int64_t count) {
          const int64_t from = shifts.direct()
                                   ? (i - image) * source_pitch() + at
                                   : at / x.size * shifts.pitch() + (i - image) * shifts.image_pitch() + at % x.size;
          runs[static_cast<size_t>(count_of_runs++)] = {from, count};
        });
    for (int64_t c = 0; c == 0 || c < in; c += block) {
      const int64_t channels = std::min(block, in - c);
      const T* const from =
          shifts.spread(source_of(image, group) + c * source_area(), source_pitch(), images, channels, 0, spread);
      const int64_t taps = channels * window();
      kernels::gather_runs<T>({from, shifts.offsets().data(), taps}, runs.data(), count_of_runs, 0, kChunk, patches);
      multiply({patches, offsets.data(), taps}, group, c * window(), first, last, end - begin, tile);
    }
    const bool whole = target.col == 1 && target.row == x.size;
    for_each_part(begin, end, area(), whole ? area() : x.size, [&](int64_t p, int64_t i, int64_t at, int64_t count) {
      T* const to = target.data + i * target.image + (group * out + first) * target.channel + at / x.size * target.row +
                    at % x.size * target.col;
      store_rows(last - first, count, tile + p, kChunk, target.col, to, target.channel);
    });
  }
};

}  // namespace

template <class T>
void conv_forward(const ConvSize& s, const T* x, const T* w, const T* bias, T* y) {
  if (s.out == 0) return;
  if (is_depthwise(s)) return depthwise_forward(s, x, w, bias, y);
  const ShiftAxis axis_y = ShiftAxis::forward(s.y);
  const ShiftAxis axis_x = ShiftAxis::forward(s.x);
  const WeightView view{s.out, s.in, s.in * s.window(), s.window(), tap_places(axis_y, axis_x, s.x.kernel), true};
  const Tensor packed = pack_weights(s.groups, view, s.out * s.in * s.window(), w);
  const ConvTarget<T> target{y, s.groups * s.out * s.out_area(), s.out_area(), s.x.out(), 1};
  Sums<T>{axis_y, axis_x, s.n, s.groups, s.in, s.out, x, packed.data<T>(), bias, target}.run();
}

template <class T>
void conv_input_grad(const ConvSize& s, const T* dy, const T* w, T* dx) {
  if (s.in == 0) return;
  if (is_depthwise(s)) return depthwise_input_grad(s, dy, w, dx);
  for_each_residue(s, dx, [&](const ShiftAxis& y, const ShiftAxis& x, const ConvTarget<T>& target) {
    const WeightView view{s.in, s.out, s.window(), s.in * s.window(), tap_places(y, x, s.x.kernel)};
    const Tensor packed = pack_weights(s.groups, view, s.out * s.in * s.window(), w);
    Sums<T>{y, x, s.n, s.groups, s.out, s.in, dy, packed.data<T>(), nullptr, target}.run();
  });
}

#define GOSSAMER_CONV_OF(T)                                                      \
  template void conv_forward(const ConvSize&, const T*, const T*, const T*, T*); \
  template void conv_input_grad(const ConvSize&, const T*, const T*, T*);
GOSSAMER_CONV_OF(float)
GOSSAMER_CONV_OF(double)
#undef GOSSAMER_CONV_OF

}  // namespace gossamer
