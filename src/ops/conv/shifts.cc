#include "ops/conv/shifts.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <utility>
#include <vector>

namespace gossamer {

namespace {

// A spread band stays in a part of L2 beside the weights.
constexpr int64_t kBandBytes = int64_t{384} << 10;
// Of small images, enough lie side by side that part of a vector at the end weighs little.
constexpr int64_t kPositions = 512;

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

// The zeros behind a row are those before the next, as far as they go.
int64_t choose_pitch(const ShiftAxis& x) {
  const int64_t before = std::max<int64_t>(0, -x.first);
  const int64_t behind = std::max<int64_t>(0, x.size + x.last - ceil_div(x.source, x.step));
  return std::max(x.size, x.size + x.last - x.first - std::min(before, behind));
}

// to[i] = from[step * i] for i in [0, n).
template <class T>
void copy_every(int64_t step, const T* from, int64_t n, T* to) {
  if (step == 1) {
    std::copy_n(from, n, to);
  } else if (step == 2) {
    for (int64_t i = 0; i < n; ++i) to[i] = from[2 * i];
  } else {
    for (int64_t i = 0; i < n; ++i) to[i] = from[step * i];
  }
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

Shifts::Shifts(ShiftAxis y, ShiftAxis x, const Cut& cut, int64_t element_bytes)
    : y_(std::move(y)), x_(std::move(x)), phases_y_(phases(y_)) {
  const auto whole = [](const ShiftAxis& axis) {
    return axis.taps.size() == 1 && axis.step == 1 && axis.first == 0 && axis.size == axis.source;
  };
  direct_ = whole(y_) && whole(x_);
  image_pitch_ = direct_ ? x_.size : choose_pitch(x_);
  rest_ = std::max<int64_t>(0, x_.size + x_.last - x_.first - image_pitch_);
  for (const int64_t phase : phases(x_)) {
    const int64_t begin = std::clamp<int64_t>(ceil_div(-phase, x_.step) - x_.first, 0, image_pitch_);
    const int64_t end = std::clamp<int64_t>(ceil_div(x_.source - phase, x_.step) - x_.first, begin, image_pitch_);
    phases_x_.push_back({phase, begin, end});
  }

  const int64_t planes = static_cast<int64_t>(phases_y_.size() * phases_x_.size());
  const int64_t span = y_.last - y_.first;
  const int64_t row_bytes = std::max<int64_t>(1, cut.channels * planes * image_pitch_ * element_bytes);
  if (!direct_ && y_.size > 0) {
    const int64_t fitting = kBandBytes / (row_bytes * (y_.size + span));
    const int64_t wanted = ceil_div(kPositions, y_.size * image_pitch_);
    images_ = std::clamp<int64_t>(std::min(fitting, wanted), 1, std::max<int64_t>(1, cut.images));
  }
  const int64_t most_rows = direct_ ? y_.size : kBandBytes / row_bytes - span;
  const int64_t bands = ceil_div(y_.size, std::max<int64_t>(1, most_rows));
  bands_ = std::max<int64_t>(1, std::min(y_.size, std::max(bands, cut.bands)));
  plane_ = (ceil_div(y_.size, bands_) + span) * pitch() + rest_;
  channel_ = direct_ ? y_.source * x_.source : planes * plane_;

  const auto phase_index = [](const auto& list, int64_t phase, auto projection) {
    return std::ranges::find(list, phase, projection) - list.begin();
  };
  offsets_.reserve(static_cast<size_t>(cut.channels * taps()));
  for (int64_t c = 0; c < cut.channels; ++c) {
    for (const ShiftAxis::Tap& ty : y_.taps) {
      for (const ShiftAxis::Tap& tx : x_.taps) {
        const int64_t plane = phase_index(phases_y_, ty.phase, std::identity()) * std::ssize(phases_x_) +
                              phase_index(phases_x_, tx.phase, &Columns::phase);
        offsets_.push_back(c * channel_ + plane * plane_ + (ty.shift - y_.first) * pitch() + tx.shift - x_.first);
      }
    }
  }
}

std::vector<int64_t> Shifts::places(int64_t kernel_x) const {
  std::vector<int64_t> places;
  places.reserve(static_cast<size_t>(taps()));
  for (const ShiftAxis::Tap& ty : y_.taps) {
    for (const ShiftAxis::Tap& tx : x_.taps) places.push_back(ty.k * kernel_x + tx.k);
  }
  return places;
}

template <class T>
const T* Shifts::spread(const T* from, int64_t image_stride, int64_t images, int64_t channels, int64_t band,
                        T* to) const {
  const auto [begin, end] = rows(band);
  if (direct_) return from + begin * x_.source;
  for (int64_t c = 0; c < channels; ++c) {
    const T* const channel = from + c * y_.source * x_.source;
    T* plane = to + c * channel_;
    for (const int64_t phase_y : phases_y_) {
      for (const Columns& columns : phases_x_) {
        T* row = plane;
        for (int64_t v = begin + y_.first; v < end + y_.last; ++v) {
          const int64_t at = y_.step * v + phase_y;
          if (at < 0 || at >= y_.source) {
            std::fill_n(row, pitch(), T(0));
            row += pitch();
            continue;
          }
          const T* source = channel + at * x_.source + x_.step * (columns.begin + x_.first) + columns.phase;
          for (int64_t i = 0; i < images; ++i, row += image_pitch_, source += image_stride) {
            std::fill_n(row, columns.begin, T(0));
            copy_every(x_.step, source, columns.end - columns.begin, row + columns.begin);
            std::fill_n(row + columns.end, image_pitch_ - columns.end, T(0));
          }
          // Sides of images that are not there: what is summed there is dropped, but it is read.
          std::fill_n(row, (images_ - images) * image_pitch_, T(0));
          row += (images_ - images) * image_pitch_;
        }
        std::fill_n(row, rest_, T(0));
        plane += plane_;
      }
    }
  }
  return to;
}

template <class T>
void Shifts::add_back(const T* from, int64_t band, int64_t images, int64_t channels, int64_t image_stride,
                      T* to) const {
  const auto [begin, end] = rows(band);
  for (int64_t c = 0; c < channels; ++c) {
    T* const channel = to + c * y_.source * x_.source;
    const T* plane = from + c * channel_;
    for (const int64_t phase_y : phases_y_) {
      for (const Columns& columns : phases_x_) {
        for (int64_t v = begin + y_.first; v < end + y_.last; ++v) {
          const int64_t at = y_.step * v + phase_y;
          if (at < 0 || at >= y_.source) continue;
          const T* row = plane + (v - begin - y_.first) * pitch() + columns.begin;
          T* target = channel + at * x_.source + x_.step * (columns.begin + x_.first) + columns.phase;
          for (int64_t i = 0; i < images; ++i, row += image_pitch_, target += image_stride) {
            for (int64_t j = 0; j < columns.end - columns.begin; ++j) target[j * x_.step] += row[j];
          }
        }
        plane += plane_;
      }
    }
  }
}

template void Shifts::add_back(const float*, int64_t, int64_t, int64_t, int64_t, float*) const;
template void Shifts::add_back(const double*, int64_t, int64_t, int64_t, int64_t, double*) const;
template const float* Shifts::spread(const float*, int64_t, int64_t, int64_t, int64_t, float*) const;
template const double* Shifts::spread(const double*, int64_t, int64_t, int64_t, int64_t, double*) const;

}  // namespace gossamer
