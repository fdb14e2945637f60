#include "ops/conv/shifts.h"
#include "gossamer/block_allocator.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <utility>
#include <vector>

#include "kernels/copy_rows.h"

namespace gossamer {

namespace {

// A spread band stays in a part of L2 beside the weights.
constexpr int64_t kBandBytes = int64_t{384} << 10;
// Most images side by side: with more, each tile of positions stores a few columns of many images.
constexpr int64_t kMostImages = 4;
// Vectors of that many positions are to be full. Of this many, a part of one weighs little.
constexpr int64_t kLanes = 16;
constexpr int64_t kManyPositions = 512;
// Shorter bands would leave vectors part empty, and read the weights once more each.
constexpr int64_t kLeastPositions = 96;

void set_range(ShiftAxis& axis) {
  if (axis.taps.empty()) return;
  const auto [least, most] = std::ranges::minmax(axis.taps, {}, &ShiftAxis::Tap::shift);
  axis.first = least.shift;
  axis.last = most.shift;
}

BlockVector<int64_t> phases(const ShiftAxis& axis) {
  BlockVector<int64_t> list;
  for (const ShiftAxis::Tap& tap : axis.taps) list.push_back(tap.phase);
  std::ranges::sort(list);
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return list;
}

// The zeros behind a row are those before the next, as far as they go.
int64_t choose_pitch(const ShiftAxis& x) {
  const int64_t before = std::max<int64_t>(0, -x.first);
  const int64_t behind = std::max<int64_t>(0, x.size + x.last - ceil_div(x.source, x.step));
  return std::max(x.size, x.size + x.last - x.first - std::min(before, behind));
}

// to[r * to_stride + i] = from[r * from_stride + step * i] for r in [0, rows), i in [0, n).
template <class T>
void copy_every(int64_t step, int64_t rows, int64_t n, const T* from, int64_t from_stride, T* to, int64_t to_stride) {
  if (step == 1) return kernels::copy_rows(rows, n, from, from_stride, to, to_stride);
  if (step == 2) return kernels::gather_every_second(rows, n, from, from_stride, to, to_stride);
  for (int64_t r = 0; r < rows; ++r, from += from_stride, to += to_stride) {
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

BlockVector<int64_t> tap_places(const ShiftAxis& y, const ShiftAxis& x, int64_t kernel_x) {
  BlockVector<int64_t> places;
  places.reserve(y.taps.size() * x.taps.size());
  for (const ShiftAxis::Tap& ty : y.taps) {
    for (const ShiftAxis::Tap& tx : x.taps) places.push_back(ty.k * kernel_x + tx.k);
  }
  return places;
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
    images_ = cut.all ? cut.images : choose_images(std::min({fitting, cut.images, kMostImages}));
  }
  const int64_t most_rows = direct_ || cut.all ? y_.size : kBandBytes / row_bytes - span;
  const int64_t bands = ceil_div(y_.size, std::max<int64_t>(1, most_rows));
  const int64_t wanted = std::min(cut.bands, y_.size * pitch() / kLeastPositions);
  bands_ = std::max<int64_t>(1, std::min(y_.size, std::max(bands, wanted)));
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

int64_t Shifts::choose_images(int64_t most) const {
  const auto lanes = [&](int64_t images) {
    return ceil_div((y_.size - 1) * images * image_pitch_ + (images - 1) * image_pitch_ + x_.size, kLanes);
  };
  if (lanes(1) * kLanes >= kManyPositions) return 1;
  int64_t best = 1;
  for (int64_t images = 2; images <= most; ++images) {
    if (lanes(images) * best < lanes(best) * images) best = images;
  }
  return best;
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
      // Rows of the plane that lie in the source.
      const int64_t first = begin + y_.first;
      const int64_t last = end + y_.last;
      const int64_t inside = std::clamp(ceil_div(-phase_y, y_.step), first, last);
      const int64_t behind = std::clamp(ceil_div(y_.source - phase_y, y_.step), inside, last);
      for (const Columns& columns : phases_x_) {
        T* const rows_begin = plane + (inside - first) * pitch();
        std::fill(plane, plane + plane_, T(0));
        for (int64_t i = 0; i < images_; ++i) {
          T* const row = rows_begin + i * image_pitch_;
          // Sides of images that are not there: what is summed there is dropped, but it is read.
          const int64_t n = i < images ? columns.end - columns.begin : 0;
          if (n == 0 || inside == behind) continue;
          const T* const source = channel + i * image_stride + (y_.step * inside + phase_y) * x_.source +
                                  x_.step * (columns.begin + x_.first) + columns.phase;
          copy_every(x_.step, behind - inside, n, source, y_.step * x_.source, row + columns.begin, pitch());
        }
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
            const int64_t n = columns.end - columns.begin;
            if (x_.step == 1) {
              for (int64_t j = 0; j < n; ++j) target[j] += row[j];
            } else {
              for (int64_t j = 0; j < n; ++j) target[j * x_.step] += row[j];
            }
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
