#include "ops/csr/conv_products.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "kernels/copy_rows.h"
#include "kernels/csr.h"
#include "ops/conv/sums.h"
#include "ops/csr/part_sums.h"
#include "runtime/parallel.h"
#include "runtime/scratch.h"

namespace gossamer {

namespace {

constexpr int64_t kMostPositions = 64;

// The bands of a batch, cut into at least kTasks as far as there are images, and into `wanted` bands of each.
template <class T>
Shifts shifts_of(const ConvSize& s, int64_t wanted) {
  return Shifts::make<T>(ShiftAxis::forward(s.y), ShiftAxis::forward(s.x),
                         {.channels = s.in, .images = std::min(s.n, s.n / kTasks), .bands = wanted});
}

// The narrowest tile that holds n positions.
int width_of(int64_t n) {
  int width = static_cast<int>(kMostPositions);
  while (width / 2 >= n && width > 8) width /= 2;
  return width;
}

// Calls f(p, n, width) for the tiles of a band.
template <class F>
void for_each_tile(int64_t positions, const F& f) {
  for (int64_t p = 0; p < positions; p += kMostPositions) {
    const int64_t n = std::min<int64_t>(kMostPositions, positions - p);
    f(p, n, width_of(n));
  }
}

// dY at positions [p, p + n): tile[out][width], 0 behind rows and images.
template <class T>
void gather_dy(const ConvSize& s, const Shifts& shifts, int64_t first, int64_t images, int64_t p, int64_t n, int width,
               const T* dy, T* tile) {
  std::fill_n(tile, s.out * width, T(0));
  const ConvTarget<const T> from{dy, s.out * s.out_area(), s.out_area(), s.x.out(), 1};
  for_each_run(shifts, first, images, p, n, from, [&](const T* run, int64_t at, int64_t count) {
    kernels::copy_rows(s.out, count, run, from.channel, tile + at, width);
  });
}

// Results of a band that a tile holds without those between images and rows, whose taps would read what belongs to
// others: a NaN there times 0 is not 0.
template <class T>
struct FullTile {
  // Each has a position at least.
  std::array<kernels::ConvRun, kMostPositions> runs{};  // in the band
  std::array<const T*, kMostPositions> dy{};            // of each run, in the first channel
  size_t count = 0;                                     // of runs
  int64_t n = 0;
};

// Calls f(tile) for the tiles of kMostPositions results, the last one shorter.
template <class T, class F>
void for_each_full_tile(const ConvSize& s, const Shifts& shifts, int64_t first, int64_t rows, int64_t images,
                        const T* dy, const F& f) {
  const ConvTarget<const T> from{dy, s.out * s.out_area(), s.out_area(), s.x.out(), 1};
  FullTile<T> tile;
  const auto take = [&] {
    f(std::as_const(tile));
    tile.count = 0;
    tile.n = 0;
  };
  for_each_run(shifts, first, images, 0, shifts.positions(rows, images), from,
               [&](const T* run, int64_t at, int64_t count) {
                 for (int64_t i = 0; i < count;) {
                   const int64_t n = std::min(count - i, kMostPositions - tile.n);
                   tile.runs[tile.count] = {at + i, n};
                   tile.dy[tile.count++] = run + i;
                   tile.n += n;
                   i += n;
                   if (tile.n == kMostPositions) take();
                 }
               });
  if (tile.n > 0) take();
}

int64_t images_of(const ConvSize& s, const Shifts& shifts, int64_t group) {
  return std::min(shifts.images(), s.n - group * shifts.images());
}

int64_t groups_of(const ConvSize& s, const Shifts& shifts) { return (s.n + shifts.images() - 1) / shifts.images(); }

}  // namespace

template <class T>
void csr_conv_forward(const ConvSize& s, const kernels::CsrStream& w, const T* values, const T* x, const T* bias,
                      T* y) {
  const Shifts shifts = shifts_of<T>(s, kTasks / std::max<int64_t>(1, s.n));
  const int64_t taps = s.in * s.window();
  const ConvTarget<T> target{y, s.out * s.out_area(), s.out_area(), s.x.out(), 1};
  rt::parallel_for(groups_of(s, shifts) * shifts.bands(), [&](int64_t task) {
    const int64_t group = task / shifts.bands();
    const int64_t band = task % shifts.bands();
    const int64_t images = images_of(s, shifts, group);
    const int64_t band_size = padded<T>(shifts.band_size(s.in));
    const int64_t patches_size = padded<T>(taps * kMostPositions);
    const rt::Scratch scratch((band_size + patches_size + s.out * kMostPositions) * static_cast<int64_t>(sizeof(T)));
    T* const spread = reinterpret_cast<T*>(scratch.data());
    T* const patches = spread + band_size;
    T* const sums = patches + patches_size;
    const int64_t image_size = s.in * s.in_area();
    const T* const source =
        shifts.spread(x + group * shifts.images() * image_size, image_size, images, s.in, band, spread);
    const int64_t row = shifts.rows(band).first;
    const int64_t rows = shifts.rows(band).second - row;
    ConvTarget<T> to = target;
    to.data += group * shifts.images() * target.image;
    for_each_tile(shifts.positions(rows, images), [&](int64_t p, int64_t n, int width) {
      kernels::gather_patches<T>({source + p, shifts.offsets().data(), taps}, n, width, patches);
      for (int64_t block = 0; block < w.blocks(); ++block) {
        const int64_t first = block * w.block_rows;
        kernels::csr_forward_tile(w, values, block, patches, width, bias == nullptr ? nullptr : bias + first,
                                  sums + first * width);
      }
      store_positions<T>(shifts, row, images, p, n, s.out, sums, width, to);
    });
  });
}

// A task owns images: bands of one overlap in dX.
template <class T>
void csr_conv_input_grad(const ConvSize& s, const kernels::CsrStream& transposed, const T* transposed_values,
                         const T* dy, T* dx) {
  const Shifts shifts = shifts_of<T>(s, 1);
  const int64_t taps = s.in * s.window();
  const int64_t image_size = s.in * s.in_area();
  rt::parallel_for(groups_of(s, shifts), [&](int64_t group) {
    const int64_t images = images_of(s, shifts, group);
    const int64_t band_size = padded<T>(shifts.band_size(s.in));
    const int64_t dy_size = padded<T>(s.out * kMostPositions);
    const rt::Scratch scratch((band_size + dy_size + taps * kMostPositions) * static_cast<int64_t>(sizeof(T)));
    T* const spread = reinterpret_cast<T*>(scratch.data());
    T* const dy_tile = spread + band_size;
    T* const patches = dy_tile + dy_size;
    const T* const dy_images = dy + group * shifts.images() * s.out * s.out_area();
    T* const dx_images = dx + group * shifts.images() * image_size;
    std::fill_n(dx_images, images * image_size, T(0));
    for (int64_t band = 0; band < shifts.bands(); ++band) {
      const int64_t row = shifts.rows(band).first;
      const int64_t rows = shifts.rows(band).second - row;
      T* const target = shifts.direct() ? dx_images + row * s.x.in : spread;
      std::fill_n(spread, band_size, T(0));
      for_each_tile(shifts.positions(rows, images), [&](int64_t p, int64_t n, int width) {
        gather_dy(s, shifts, row, images, p, n, width, dy_images, dy_tile);
        for (int64_t block = 0; block < transposed.blocks(); ++block) {
          kernels::csr_forward_tile(transposed, transposed_values, block, dy_tile, width, nullptr,
                                    patches + block * transposed.block_rows * width);
        }
        kernels::add_patches(patches, width, shifts.offsets().data(), taps, n, target + p);
      });
      if (!shifts.direct()) shifts.add_back(spread, band, images, s.in, image_size, dx_images);
    }
  });
}

// Tasks own a part of the batch and a band of row blocks, as those of csr_weight_grad().
template <class T>
void csr_conv_weight_grad(const ConvSize& s, const kernels::CsrStream& w, const T* dy, const T* x, T* grad) {
  if (s.n == 0 || w.nnz() == 0) {
    std::fill_n(grad, w.nnz(), T(0));
    return;
  }
  const Shifts shifts = shifts_of<T>(s, 1);
  const int64_t taps = s.in * s.window();
  const int64_t image_size = s.in * s.in_area();
  const int64_t groups = groups_of(s, shifts);
  const int64_t parts = PartSums<T>::parts(w, groups, 1);
  const int64_t runs = std::clamp<int64_t>(kTasks / parts, 1, w.blocks());
  PartSums<T> sums(w, parts, grad);
  rt::parallel_for(parts * runs, [&](int64_t task) {
    const int64_t part = task / runs;
    const int64_t block_begin = task % runs * w.blocks() / runs;
    const int64_t block_end = (task % runs + 1) * w.blocks() / runs;
    const int64_t band_size = padded<T>(shifts.band_size(s.in));
    const int64_t dy_size = padded<T>(s.out * kMostPositions);
    const rt::Scratch scratch((band_size + dy_size + taps * kMostPositions) * static_cast<int64_t>(sizeof(T)));
    T* const spread = reinterpret_cast<T*>(scratch.data());
    T* const dy_tile = spread + band_size;
    T* const patches = dy_tile + dy_size;
    bool accumulate = false;
    for (int64_t group = part * groups / parts; group < (part + 1) * groups / parts; ++group) {
      const int64_t images = images_of(s, shifts, group);
      const T* const dy_images = dy + group * shifts.images() * s.out * s.out_area();
      for (int64_t band = 0; band < shifts.bands(); ++band) {
        const int64_t row = shifts.rows(band).first;
        const int64_t rows = shifts.rows(band).second - row;
        const T* const source =
            shifts.spread(x + group * shifts.images() * image_size, image_size, images, s.in, band, spread);
        for_each_full_tile(s, shifts, row, rows, images, dy_images, [&](const FullTile<T>& tile) {
          const int width = width_of(tile.n);
          std::fill_n(dy_tile, s.out * width, T(0));
          T* to = dy_tile;
          for (size_t i = 0; i < tile.count; to += tile.runs[i++].n) {
            kernels::copy_rows(s.out, tile.runs[i].n, tile.dy[i], s.out_area(), to, width);
          }
          kernels::gather_runs<T>({source, shifts.offsets().data(), taps}, tile.runs.data(),
                                  static_cast<int64_t>(tile.count), width, width, patches);
          for (int64_t block = block_begin; block < block_end; ++block) {
            weight_grad_block(w, block, 0, w.panels(), dy_tile, patches, width, accumulate, sums.of(part), {});
          }
          accumulate = true;
        });
      }
    }
  });
  sums.add_up();
}

#define GOSSAMER_CSR_CONV_OF(T)                                                                                 \
  template void csr_conv_forward(const ConvSize&, const kernels::CsrStream&, const T*, const T*, const T*, T*); \
  template void csr_conv_input_grad(const ConvSize&, const kernels::CsrStream&, const T*, const T*, T*);        \
  template void csr_conv_weight_grad(const ConvSize&, const kernels::CsrStream&, const T*, const T*, T*);
GOSSAMER_CSR_CONV_OF(float)
GOSSAMER_CSR_CONV_OF(double)
#undef GOSSAMER_CSR_CONV_OF

}  // namespace gossamer
