#include "ops/conv/products.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "gossamer/tensor.h"
#include "kernels/csr.h"
#include "kernels/reduce.h"
#include "ops/conv/depthwise.h"
#include "ops/conv/sums.h"
#include "runtime/parallel.h"
#include "runtime/scratch.h"

namespace gossamer {

namespace {

using kernels::kConvPositions;
using kernels::kConvRows;

// Tasks that a product is cut into, whatever the number of threads.
constexpr int64_t kTasks = 16;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Weights of all groups as the kernel takes them, [group][block of kConvRows rows][taps][rows of the block]. at(group,
// row, tap) is where one lies.
template <class T, class At>
Tensor pack_weights(int64_t groups, int64_t rows, int64_t taps, const T* w, const At& at) {
  Tensor packed = Tensor::empty({groups * rows * taps}, dtype_of<T>);
  T* const to = packed.mutable_data<T>();
  const int64_t blocks = ceil_div(rows, kConvRows);
  rt::parallel_for(groups * blocks, [&](int64_t task) {
    const int64_t group = task / blocks;
    const int64_t row = task % blocks * kConvRows;
    const int64_t count = std::min<int64_t>(kConvRows, rows - row);
    T* const block = to + (group * rows + row) * taps;
    for (int64_t r = 0; r < count; ++r) {
      for (int64_t k = 0; k < taps; ++k) block[k * count + r] = w[at(group, row + r, k)];
    }
  });
  return packed;
}

// A sum of shifted rows for all images and groups.
template <class T>
struct Sums {
  const Shifts& shifts;
  int64_t n, groups;
  int64_t in, out;  // channels of a group: of the source, of the result
  const T* source;
  const T* packed;
  const T* bias;  // null: none
  ConvTarget<T> target;
  int64_t target_area;  // elements of a channel

  void run() const {
    const int64_t blocks = ceil_div(out, kConvRows);
    const int64_t images = n * groups * shifts.bands();
    if (images == 0) return;
    // Few images and bands: their channels are shared out too.
    const int64_t parts = std::clamp<int64_t>(kTasks / images, 1, blocks);
    rt::parallel_for(images * parts, [&](int64_t task) {
      const int64_t part = task % parts;
      const int64_t band = task / parts % shifts.bands();
      band_of(task / parts / shifts.bands(), band, part * blocks / parts * kConvRows,
              std::min(out, (part + 1) * blocks / parts * kConvRows));
    });
  }

 private:
  // Channels [first, last) of one band; image counts images and groups.
  void band_of(int64_t image, int64_t band, int64_t first, int64_t last) const {
    const int64_t taps = in * shifts.taps();
    const int64_t band_size = ceil_div(shifts.band_size(in), 16) * 16;
    const rt::Scratch scratch((band_size + (last - first) * kConvPositions) * static_cast<int64_t>(sizeof(T)));
    T* const spread = reinterpret_cast<T*>(scratch.data());
    T* const tile = spread + band_size;
    const int64_t area = shifts.y().source * shifts.x().source;
    const T* const x = shifts.spread(source + image * in * area, in, band, spread);
    const T* const w = packed + image % groups * out * taps;
    const T* const b = bias == nullptr ? nullptr : bias + image % groups * out;
    T* const to = target.data + image * out * target_area;
    // What a block of taps reads at the positions of a tile stays in L1 for all channels.
    const int64_t block = shifts.taps() * std::clamp<int64_t>(288 / std::max<int64_t>(1, shifts.taps()), 1, 128);

    const auto [row, end_row] = shifts.rows(band);
    const int64_t positions = shifts.positions(end_row - row);
    for (int64_t p = 0; p < positions; p += kConvPositions) {
      const int64_t count = std::min<int64_t>(kConvPositions, positions - p);
      for (int64_t k = 0; k == 0 || k < taps; k += std::max<int64_t>(1, block)) {
        const kernels::ConvSource<T> from{x + p, shifts.offsets().data() + k, std::min(block, taps - k)};
        for (int64_t r = first; r < last; r += kConvRows) {
          const int64_t rows = std::min<int64_t>(kConvRows, out - r);
          kernels::conv_tile(from, w + r * taps + k * rows, static_cast<int>(rows), b == nullptr ? nullptr : b + r,
                             k > 0, count, tile + (r - first) * kConvPositions);
        }
      }
      for (int64_t r = first; r < last; ++r) {
        store_positions<T>(shifts, row, p, count, tile + (r - first) * kConvPositions,
                           {to + r * target_area, target.row, target.col});
      }
    }
  }
};

template <class T>
Shifts shifts_of(const ConvSize& s, ShiftAxis y, ShiftAxis x, int64_t channels) {
  return Shifts::make<T>(std::move(y), std::move(x), channels, kTasks / std::max<int64_t>(1, s.n * s.groups));
}

// Sums of parts of a batch, and how they are shared out: tasks own a part of the batch, a tile of output channels and a
// run of input channels.
template <class T>
class WeightGrad {
 public:
  WeightGrad(const ConvSize& s, const T* dy, const T* x)
      : s_(s),
        dy_(dy),
        x_(x),
        width_(s.out <= 16   ? 16
               : s.out <= 32 ? 32
                             : 64),
        tiles_(ceil_div(s.out, width_)),
        taps_(s.in * s.window()),
        grad_size_(s.groups * tiles_ * taps_ * width_),
        parts_(std::clamp<int64_t>(1 + kMostElements / grad_size_, 1, std::min(kTasks, s.n))),
        runs_(std::clamp<int64_t>(ceil_div(kTasks, parts_ * s.groups * tiles_), 1, s.in)),
        shifts_(Shifts::make<T>(ShiftAxis::forward(s.y), ShiftAxis::forward(s.x), ceil_div(s.in, runs_),
                                ceil_div(s.out_area() * width_ * static_cast<int64_t>(sizeof(T)), kTileBytes))),
        sums_(Tensor::empty({parts_, grad_size_}, dtype_of<T>)) {}

  void run(T* dw) {
    T* const sums = sums_.template mutable_data<T>();
    rt::parallel_for(parts_ * s_.groups * tiles_ * runs_, [&](int64_t task) {
      const int64_t run = task % runs_;
      const int64_t tile = task / runs_ % (s_.groups * tiles_);
      const int64_t part = task / runs_ / (s_.groups * tiles_);
      const int64_t first = run * s_.in / runs_;
      const int64_t channels = (run + 1) * s_.in / runs_ - first;
      T* const grad = sums + part * grad_size_ + (tile * taps_ + first * s_.window()) * width_;
      std::fill_n(grad, channels * s_.window() * width_, T(0));
      for (int64_t image = part * s_.n / parts_; image < (part + 1) * s_.n / parts_; ++image) {
        add(image * s_.groups + tile / tiles_, tile % tiles_ * width_, first, channels, grad);
      }
    });
    rt::parallel_for(s_.groups * tiles_, [&](int64_t tile) { combine(sums, tile, dw); });
  }

 private:
  static constexpr int64_t kMostElements = int64_t{1} << 20;
  // Of dY, transposed, of a band; and positions that stay in L1.
  static constexpr int64_t kTileBytes = int64_t{128} << 10;
  static constexpr int64_t kBlockPositions = 64;

  // One image (counting groups), output channels from `out` on, input channels [first, first + channels).
  void add(int64_t image, int64_t out, int64_t first, int64_t channels, T* grad) const {
    const int64_t cols = s_.x.out();
    const int64_t most_rows = ceil_div(s_.y.out(), shifts_.bands());
    const int64_t band_size = ceil_div(shifts_.band_size(channels), 16) * 16;
    const rt::Scratch scratch((band_size + most_rows * cols * width_) * static_cast<int64_t>(sizeof(T)));
    T* const spread = reinterpret_cast<T*>(scratch.data());
    T* const dy_tile = spread + band_size;
    const int outs = static_cast<int>(std::min<int64_t>(width_, s_.out - out));
    const T* const dy = dy_ + (image * s_.out + out) * s_.out_area();
    for (int64_t band = 0; band < shifts_.bands(); ++band) {
      const auto [row, end_row] = shifts_.rows(band);
      const T* const x = shifts_.spread(x_ + (image * s_.in + first) * s_.in_area(), channels, band, spread);
      kernels::pack_tile(dy + row * cols, s_.out_area(), outs, (end_row - row) * cols, width_, dy_tile);
      const int64_t block_rows = std::max<int64_t>(1, kBlockPositions / cols);
      for (int64_t r = 0; r < end_row - row; r += block_rows) {
        const int64_t rows = std::min(block_rows, end_row - row - r);
        for (int64_t c = 0; c < cols; c += kBlockPositions) {
          // More columns than a block has are one row.
          const kernels::ConvRuns runs{rows, std::min(cols - c, rows == 1 ? kBlockPositions : cols), shifts_.pitch()};
          kernels::conv_weight_grad<T>({x + r * shifts_.pitch() + c, shifts_.offsets().data(), channels * s_.window()},
                                       dy_tile + (r * cols + c) * width_, width_, runs, grad);
        }
      }
    }
  }

  void combine(const T* sums, int64_t tile, T* dw) const {
    const int64_t out = tile % tiles_ * width_;
    const int64_t outs = std::min<int64_t>(width_, s_.out - out);
    T* const to = dw + (tile / tiles_ * s_.out + out) * taps_;
    for (int64_t part = 0; part < parts_; ++part) {
      const T* const from = sums + part * grad_size_ + tile * taps_ * width_;
      for (int64_t r = 0; r < outs; ++r) {
        for (int64_t k = 0; k < taps_; ++k) {
          const T g = from[k * width_ + r];
          T& sum = to[r * taps_ + k];
          sum = part == 0 ? g : sum + g;
        }
      }
    }
  }

  const ConvSize& s_;
  const T* dy_;
  const T* x_;
  int width_;
  int64_t tiles_;
  int64_t taps_;
  int64_t grad_size_;
  int64_t parts_;
  int64_t runs_;
  Shifts shifts_;
  Tensor sums_;
};

bool is_depthwise(const ConvSize& s) { return s.in == 1 && s.out == 1; }

}  // namespace

template <class T>
void conv_forward(const ConvSize& s, const T* x, const T* w, const T* bias, T* y) {
  if (s.out == 0) return;
  if (is_depthwise(s)) return depthwise_forward(s, x, w, bias, y);
  const Shifts shifts = shifts_of<T>(s, ShiftAxis::forward(s.y), ShiftAxis::forward(s.x), s.in);
  const int64_t taps = s.in * s.window();
  const Tensor packed = pack_weights(s.groups, s.out, taps, w, [&](int64_t group, int64_t row, int64_t k) {
    return (group * s.out + row) * taps + k;
  });
  Sums<T>{shifts, s.n, s.groups, s.in, s.out, x, packed.data<T>(), bias, {y, s.x.out(), 1}, s.out_area()}.run();
}

template <class T>
void conv_input_grad(const ConvSize& s, const T* dy, const T* w, T* dx) {
  if (s.in == 0) return;
  if (is_depthwise(s)) return depthwise_input_grad(s, dy, w, dx);
  for_each_residue(s, dx, [&](ShiftAxis y, ShiftAxis x, const ConvTarget<T>& target) {
    const Shifts shifts = shifts_of<T>(s, std::move(y), std::move(x), s.out);
    std::vector<int64_t> places(static_cast<size_t>(shifts.taps()));
    for (int64_t tap = 0; tap < shifts.taps(); ++tap) {
      places[static_cast<size_t>(tap)] = shifts.place(tap, s.x.kernel);
    }
    const int64_t taps = s.out * shifts.taps();
    const Tensor packed = pack_weights(s.groups, s.in, taps, w, [&](int64_t group, int64_t row, int64_t k) {
      const int64_t out = k / shifts.taps();
      return ((group * s.out + out) * s.in + row) * s.window() + places[static_cast<size_t>(k % shifts.taps())];
    });
    Sums<T>{shifts, s.n, s.groups, s.out, s.in, dy, packed.data<T>(), nullptr, target, s.in_area()}.run();
  });
}

template <class T>
void conv_weight_grad(const ConvSize& s, const T* dy, const T* x, T* dw) {
  const int64_t weights = s.groups * s.out * s.in * s.window();
  if (weights == 0) return;
  if (s.n == 0) {
    std::fill_n(dw, weights, T(0));
    return;
  }
  if (is_depthwise(s)) return depthwise_weight_grad(s, dy, x, dw);
  WeightGrad<T>(s, dy, x).run(dw);
}

template <class T>
void conv_bias_grad(const ConvSize& s, const T* dy, T* db) {
  const int64_t channels = s.groups * s.out;
  rt::parallel_for(channels, [&](int64_t c) {
    double sum = 0;
    for (int64_t n = 0; n < s.n; ++n) sum += kernels::sum(s.out_area(), dy + (n * channels + c) * s.out_area());
    db[c] = static_cast<T>(sum);
  });
}

#define GOSSAMER_CONV_OF(T)                                                      \
  template void conv_forward(const ConvSize&, const T*, const T*, const T*, T*); \
  template void conv_input_grad(const ConvSize&, const T*, const T*, T*);        \
  template void conv_weight_grad(const ConvSize&, const T*, const T*, T*);       \
  template void conv_bias_grad(const ConvSize&, const T*, T*);
GOSSAMER_CONV_OF(float)
GOSSAMER_CONV_OF(double)
#undef GOSSAMER_CONV_OF

}  // namespace gossamer
