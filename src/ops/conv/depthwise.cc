#include "ops/conv/depthwise.h"
#include "gossamer/block_allocator.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "ops/conv/sums.h"
#include "runtime/parallel.h"
#include "runtime/scratch.h"

namespace gossamer {

namespace {

constexpr int64_t kSummedPositions = 2048;
// Elements of x that a task of the weight gradient reads at a time, where images are far apart.
constexpr int64_t kTogether = 4096;
constexpr Shifts::Cut kCut{.channels = 1, .images = 1, .bands = 1};

// Sums of shifted rows of one channel of one image. w is [groups][window].
template <class T>
struct ChannelSum {
  Shifts shifts;
  const T* source;
  const T* w;
  const T* bias;  // null: none
  ConvTarget<T> target;
  int64_t window;
  BlockVector<int64_t> places;

  // i counts images and groups.
  void run(int64_t i, int64_t group) const {
    const int64_t area = shifts.y().source * shifts.x().source;
    const int64_t most = shifts.positions((shifts.y().size + shifts.bands() - 1) / shifts.bands(), 1);
    const int64_t band_size = shifts.band_size(1);
    const rt::Scratch scratch((band_size + most + shifts.taps()) * static_cast<int64_t>(sizeof(T)));
    T* const spread = reinterpret_cast<T*>(scratch.data());
    T* const sums = spread + band_size;
    T* const weights = sums + most;
    for (int64_t tap = 0; tap < shifts.taps(); ++tap) {
      weights[tap] = w[group * window + places[static_cast<size_t>(tap)]];
    }
    ConvTarget<T> to = target;
    to.data += i * target.channel;
    for (int64_t band = 0; band < shifts.bands(); ++band) {
      const auto [row, end_row] = shifts.rows(band);
      const int64_t n = shifts.positions(end_row - row, 1);
      const T* const from = shifts.spread(source + i * area, 0, 1, 1, band, spread);
      kernels::conv_row<T>({from, shifts.offsets().data(), shifts.taps()}, weights,
                           bias == nullptr ? T(0) : bias[group], n, sums);
      store_rows<T>(end_row - row, shifts.x().size, sums, shifts.pitch(), to.col, to.data + row * to.row, to.row);
    }
  }
};

// All sums of a channel, one after the other while it is in cache.
template <class T>
void run_channels(const ConvSize& s, const std::vector<ChannelSum<T>>& sums) {
  const int64_t grain = rt::grain_of(s.in_area());
  rt::parallel_chunks(s.n * s.groups, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      for (const ChannelSum<T>& sum : sums) sum.run(i, i % s.groups);
    }
  });
}

}  // namespace

template <class T>
void depthwise_forward(const ConvSize& s, const T* x, const T* w, const T* bias, T* y) {
  Shifts shifts = Shifts::make<T>(ShiftAxis::forward(s.y), ShiftAxis::forward(s.x), kCut);
  BlockVector<int64_t> places = tap_places(shifts.y(), shifts.x(), s.x.kernel);
  const ConvTarget<T> target{y, 0, s.out_area(), s.x.out(), 1};
  run_channels<T>(s, {{std::move(shifts), x, w, bias, target, s.window(), std::move(places)}});
}

template <class T>
void depthwise_input_grad(const ConvSize& s, const T* dy, const T* w, T* dx) {
  std::vector<ChannelSum<T>> sums;
  for_each_residue(s, dx, [&](ShiftAxis y, ShiftAxis x, const ConvTarget<T>& target) {
    Shifts shifts = Shifts::make<T>(std::move(y), std::move(x), kCut);
    BlockVector<int64_t> places = tap_places(shifts.y(), shifts.x(), s.x.kernel);
    sums.push_back({std::move(shifts), dy, w, nullptr, target, s.window(), std::move(places)});
  });
  run_channels(s, sums);
}

// A task owns channels that follow one another in memory, and adds up their images in order.
template <class T>
void depthwise_weight_grad(const ConvSize& s, const T* dy, const T* x, T* dw) {
  const Shifts shifts = Shifts::make<T>(ShiftAxis::forward(s.y), ShiftAxis::forward(s.x), kCut);
  // Sums of a call begin at 0: few rows keep them short, and exact.
  const int64_t rows = std::max<int64_t>(1, kSummedPositions / s.x.out());
  rt::parallel_chunks(s.groups, std::max<int64_t>(1, kTogether / s.in_area()), [&](int64_t first, int64_t last) {
    const rt::Scratch scratch(shifts.band_size(1) * static_cast<int64_t>(sizeof(T)));
    std::fill_n(dw + first * s.window(), (last - first) * s.window(), T(0));
    for (int64_t image = 0; image < s.n; ++image) {
      for (int64_t group = first; group < last; ++group) {
        const int64_t i = image * s.groups + group;
        for (int64_t band = 0; band < shifts.bands(); ++band) {
          const auto [row, end_row] = shifts.rows(band);
          const T* const source =
              shifts.spread(x + i * s.in_area(), 0, 1, 1, band, reinterpret_cast<T*>(scratch.data()));
          for (int64_t r = row; r < end_row; r += rows) {
            kernels::conv_row_grad<T>({source + (r - row) * shifts.pitch(), shifts.offsets().data(), shifts.taps()},
                                      dy + i * s.out_area() + r * s.x.out(),
                                      {std::min(rows, end_row - r), s.x.out(), shifts.pitch()},
                                      dw + group * s.window());
          }
        }
      }
    }
  });
}

#define GOSSAMER_DEPTHWISE_OF(T)                                                      \
  template void depthwise_forward(const ConvSize&, const T*, const T*, const T*, T*); \
  template void depthwise_input_grad(const ConvSize&, const T*, const T*, T*);        \
  template void depthwise_weight_grad(const ConvSize&, const T*, const T*, T*);
GOSSAMER_DEPTHWISE_OF(float)
GOSSAMER_DEPTHWISE_OF(double)
#undef GOSSAMER_DEPTHWISE_OF

}  // namespace gossamer
