#include "ops/conv/shifts.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace gossamer {

namespace {

// A spread band stays in a part of L2 beside the weights.
constexpr int64_t kBandBytes = int64_t{384} << 10;

int64_t floor_div(int64_t a, int64_t b) { return (a >= 0 ? a : a - b + 1) / b; }
int64_t ceil_div(int64_t a, int64_t b) { return floor_div(a + b - 1, b); }

void set_range(ShiftAxis& axis) {
  if (axis.taps.empty()) return;
  const auto [least, most] = std::ranges::minmax(axis.taps, {}, &ShiftAxis::Tap::shift);
  axis.first = least.shift;
  axis.last = most.shift;
}

std::vector<int64_t> phases(const ShiftAxis& axis) {
  std::vector<int64_t> list;
  for (const ShiftAxis::Tap& tap : axis.taps) list.push_back(tap.phase);
  std::ranges::sort(list);
  const auto rest = std::ranges::unique(list);
  list.erase(rest.begin(), rest.end());
  return list;
}

int64_t index_of(const std::vector<int64_t>& list, int64_t value) {
  return std::ranges::lower_bound(list, value) - list.begin();
}

// The zeros behind a row are those before the next, as far as they go.
int64_t choose_pitch(const ShiftAxis& x) {
  const int64_t before = std::max<int64_t>(0, -x.first);
  const int64_t behind = std::max<int64_t>(0, x.size + x.last - ceil_div(x.source, x.step));
  return std::max(x.size, x.size + x.last - x.first - std::min(before, behind));
}

// step * (i + shift) + phase for i in [0, count), 0 outside [0, size).
template <class T>
void spread_row(const T* from, int64_t size, int64_t step, int64_t phase, int64_t shift, int64_t count, T* to) {
  const int64_t begin = std::clamp<int64_t>(ceil_div(-phase, step) - shift, 0, count);
  const int64_t end = std::clamp<int64_t>(ceil_div(size - phase, step) - shift, begin, count);
  std::fill_n(to, begin, T(0));
  if (step == 1) {
    std::copy(from + begin + shift, from + end + shift, to + begin);
  } else {
    for (int64_t i = begin; i < end; ++i) to[i] = from[step * (i + shift) + phase];
  }
  std::fill(to + end, to + count, T(0));
}

}  // namespace

ShiftAxis ShiftAxis::forward(const ConvAxis& axis) {
  ShiftAxis to{.source = axis.in, .step = axis.stride, .size = axis.out(), .taps = {}};
  for (int64_t k = 0; k < axis.kernel; ++k) {
    const int64_t at = k * axis.dilation - axis.padding;
    const int64_t shift = floor_div(at, axis.stride);
    to.taps.push_back({k, at - shift * axis.stride, shift});
  }
  set_range(to);
  return to;
}

ShiftAxis ShiftAxis::input_grad(const ConvAxis& axis, int64_t residue) {
  ShiftAxis to{.source = axis.out(),
               .step = 1,
               .size = std::max<int64_t>(0, ceil_div(axis.in - residue, axis.stride)),
               .taps = {}};
  for (int64_t k = 0; k < axis.kernel; ++k) {
    const int64_t at = residue + axis.padding - k * axis.dilation;
    if (at % axis.stride == 0) to.taps.push_back({k, 0, at / axis.stride});
  }
  set_range(to);
  return to;
}

Shifts::Shifts(ShiftAxis y, ShiftAxis x, int64_t channels, int64_t wanted_bands, int64_t element_bytes)
    : y_(std::move(y)), x_(std::move(x)), phases_y_(phases(y_)), phases_x_(phases(x_)) {
  const auto whole = [](const ShiftAxis& axis) {
    return axis.taps.size() == 1 && axis.step == 1 && axis.first == 0 && axis.size == axis.source;
  };
  direct_ = whole(y_) && whole(x_);
  pitch_ = direct_ ? x_.size : choose_pitch(x_);
  const int64_t planes = static_cast<int64_t>(phases_y_.size() * phases_x_.size());
  const int64_t span = y_.last - y_.first;
  const int64_t row_bytes = std::max<int64_t>(1, channels * planes * pitch_ * element_bytes);
  const int64_t most_rows = direct_ ? y_.size : std::max<int64_t>(1, kBandBytes / row_bytes - span);
  bands_ = std::max<int64_t>(
      1, std::min(y_.size, std::max(ceil_div(y_.size, std::max<int64_t>(1, most_rows)), wanted_bands)));
  // The last row ends in zeros that no next row holds.
  const int64_t rest = std::max<int64_t>(0, x_.size + x_.last - x_.first - pitch_);
  plane_ = (ceil_div(y_.size, bands_) + span) * pitch_ + rest;
  channel_ = direct_ ? y_.source * x_.source : planes * plane_;

  offsets_.reserve(static_cast<size_t>(channels * taps()));
  for (int64_t c = 0; c < channels; ++c) {
    for (const ShiftAxis::Tap& ty : y_.taps) {
      for (const ShiftAxis::Tap& tx : x_.taps) {
        const int64_t plane =
            index_of(phases_y_, ty.phase) * static_cast<int64_t>(phases_x_.size()) + index_of(phases_x_, tx.phase);
        offsets_.push_back(c * channel_ + plane * plane_ + (ty.shift - y_.first) * pitch_ + tx.shift - x_.first);
      }
    }
  }
}

int64_t Shifts::place(int64_t tap, int64_t kernel_x) const {
  const auto columns = static_cast<int64_t>(x_.taps.size());
  return y_.taps[static_cast<size_t>(tap / columns)].k * kernel_x + x_.taps[static_cast<size_t>(tap % columns)].k;
}

template <class T>
const T* Shifts::spread(const T* from, int64_t channels, int64_t band, T* to) const {
  const auto [begin, end] = rows(band);
  if (direct_) return from + begin * x_.source;
  const int64_t rest = std::max<int64_t>(0, x_.size + x_.last - x_.first - pitch_);
  for (int64_t c = 0; c < channels; ++c) {
    const T* const channel = from + c * y_.source * x_.source;
    T* plane = to + c * channel_;
    for (const int64_t phase_y : phases_y_) {
      for (const int64_t phase_x : phases_x_) {
        T* row = plane;
        for (int64_t v = begin + y_.first; v < end + y_.last; ++v, row += pitch_) {
          const int64_t at = y_.step * v + phase_y;
          if (at < 0 || at >= y_.source) {
            std::fill_n(row, pitch_, T(0));
          } else {
            spread_row(channel + at * x_.source, x_.source, x_.step, phase_x, x_.first, pitch_, row);
          }
        }
        std::fill_n(row, rest, T(0));
        plane += plane_;
      }
    }
  }
  return to;
}

template const float* Shifts::spread(const float*, int64_t, int64_t, float*) const;
template const double* Shifts::spread(const double*, int64_t, int64_t, double*) const;

}  // namespace gossamer
