#include "ops/conv/depthwise.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "ops/conv/sums.h"
#include "runtime/parallel.h"
#include "runtime/scratch.h"

namespace gossamer {

namespace {

// Sums of shifted rows of all channels of all images. w is [groups][window].
template <class T>
void sum_channels(const ConvSize& s, const Shifts& shifts, const T* source, const T* w, const T* bias,
                  const ConvTarget<T>& target, int64_t target_area) {
  const int64_t area = shifts.y().source * shifts.x().source;
  const int64_t most = shifts.positions((shifts.y().size + shifts.bands() - 1) / shifts.bands());
  std::vector<int64_t> places;
  for (int64_t tap = 0; tap < shifts.taps(); ++tap) places.push_back(shifts.place(tap, s.x.kernel));
  const int64_t grain =
      std::max<int64_t>(1, rt::kElementGrain / std::max<int64_t>(1, shifts.positions(shifts.y().size)));
  rt::parallel_chunks(s.n * s.groups, grain, [&](int64_t begin, int64_t end) {
    const int64_t band_size = shifts.band_size(1);
    const rt::Scratch scratch((band_size + most + shifts.taps()) * static_cast<int64_t>(sizeof(T)));
    T* const spread = reinterpret_cast<T*>(scratch.data());
    T* const sums = spread + band_size;
    T* const weights = sums + most;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t group = i % s.groups;
      for (int64_t tap = 0; tap < shifts.taps(); ++tap) {
        weights[tap] = w[group * s.window() + places[static_cast<size_t>(tap)]];
      }
      const ConvTarget<T> to{target.data + i * target_area, target.row, target.col};
      for (int64_t band = 0; band < shifts.bands(); ++band) {
        const auto [row, end_row] = shifts.rows(band);
        const int64_t n = shifts.positions(end_row - row);
        const kernels::ConvSource<T> from{shifts.spread(source + i * area, 1, band, spread), shifts.offsets().data(),
                                          shifts.taps()};
        kernels::conv_row(from, weights, bias == nullptr ? T(0) : bias[group], n, sums);
        store_positions<T>(shifts, row, 0, n, sums, to);
      }
    }
  });
}

}  // namespace

template <class T>
void depthwise_forward(const ConvSize& s, const T* x, const T* w, const T* bias, T* y) {
  const Shifts shifts = Shifts::make<T>(ShiftAxis::forward(s.y), ShiftAxis::forward(s.x), 1, 1);
  sum_channels<T>(s, shifts, x, w, bias, {y, s.x.out(), 1}, s.out_area());
}

template <class T>
void depthwise_input_grad(const ConvSize& s, const T* dy, const T* w, T* dx) {
  for_each_residue(s, dx, [&](ShiftAxis y, ShiftAxis x, const ConvTarget<T>& target) {
    const Shifts shifts = Shifts::make<T>(std::move(y), std::move(x), 1, 1);
    sum_channels<T>(s, shifts, dy, w, nullptr, target, s.in_area());
  });
}

// A task owns channels, whose images it adds up in order.
template <class T>
void depthwise_weight_grad(const ConvSize& s, const T* dy, const T* x, T* dw) {
  const Shifts shifts = Shifts::make<T>(ShiftAxis::forward(s.y), ShiftAxis::forward(s.x), 1, 1);
  rt::parallel_for(s.groups, [&](int64_t group) {
    const rt::Scratch scratch(shifts.band_size(1) * static_cast<int64_t>(sizeof(T)));
    T* const grad = dw + group * s.window();
    std::fill_n(grad, s.window(), T(0));
    for (int64_t image = 0; image < s.n; ++image) {
      const int64_t i = image * s.groups + group;
      for (int64_t band = 0; band < shifts.bands(); ++band) {
        const auto [row, end_row] = shifts.rows(band);
        const T* const source = shifts.spread(x + i * s.in_area(), 1, band, reinterpret_cast<T*>(scratch.data()));
        kernels::conv_row_grad<T>({source, shifts.offsets().data(), shifts.taps()},
                                  dy + i * s.out_area() + row * s.x.out(), {end_row - row, s.x.out(), shifts.pitch()},
                                  grad);
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
