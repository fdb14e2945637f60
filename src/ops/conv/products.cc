#include "ops/conv/products.h"
#include "gossamer/block_allocator.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>
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

  void run() const {
    const int64_t blocks = ceil_div(out, kConvRows);
    const int64_t bands = ceil_div(n, shifts.images()) * groups * shifts.bands();
    if (bands == 0) return;
    // Few images and bands: their channels are shared out too.
    const int64_t parts = std::clamp<int64_t>(kTasks / bands, 1, blocks);
    rt::parallel_for(bands * parts, [&](int64_t task) {
      const int64_t part = task % parts;
      const int64_t band = task / parts % shifts.bands();
      const int64_t group = task / parts / shifts.bands() % groups;
      const int64_t image = task / parts / shifts.bands() / groups * shifts.images();
      band_of(image, group, band, part * blocks / parts * kConvRows,
              std::min(out, (part + 1) * blocks / parts * kConvRows));
    });
  }

 private:
  // Channels [first, last) of one band of the images that lie side by side.
  void band_of(int64_t image, int64_t group, int64_t band, int64_t first, int64_t last) const {
    const int64_t taps = in * shifts.taps();
    const int64_t band_size = ceil_div(shifts.band_size(in), 16) * 16;
    const rt::Scratch scratch((band_size + (last - first) * kConvPositions) * static_cast<int64_t>(sizeof(T)));
    T* const spread = reinterpret_cast<T*>(scratch.data());
    T* const tile = spread + band_size;
    const int64_t area = shifts.y().source * shifts.x().source;
    const int64_t images = std::min(shifts.images(), n - image);
    const T* const x =
        shifts.spread(source + (image * groups + group) * in * area, groups * in * area, images, in, band, spread);
    const T* const w = packed + group * out * taps;
    const T* const b = bias == nullptr ? nullptr : bias + group * out;
    // What a block of taps reads at the positions of a tile stays in L1 for all channels.
    const int64_t block =
        std::max<int64_t>(1, shifts.taps() * std::clamp<int64_t>(288 / std::max<int64_t>(1, shifts.taps()), 1, 128));

    const auto [row, end_row] = shifts.rows(band);
    const int64_t positions = shifts.positions(end_row - row, images);
    for (int64_t p = 0; p < positions; p += kConvPositions) {
      const int64_t count = std::min<int64_t>(kConvPositions, positions - p);
      for (int64_t k = 0; k == 0 || k < taps; k += block) {
        const kernels::ConvSource<T> from{x + p, shifts.offsets().data() + k, std::min(block, taps - k)};
        for (int64_t r = first; r < last; r += kConvRows) {
          const int64_t rows = std::min<int64_t>(kConvRows, out - r);
          kernels::conv_tile(from, w + r * taps + k * rows, static_cast<int>(rows), b == nullptr ? nullptr : b + r,
                             k > 0, count, tile + (r - first) * kConvPositions);
        }
      }
      ConvTarget<T> to = target;
      to.data += image * target.image + (group * out + first) * target.channel;
      store_positions<T>(shifts, row, images, p, count, last - first, tile, kConvPositions, to);
    }
  }
};

// Cut so that there are enough tasks; channels can be shared out as well, 32 or more to a task.
template <class T>
Shifts shifts_of(const ConvSize& s, ShiftAxis y, ShiftAxis x, int64_t in, int64_t out) {
  const int64_t images = s.n * s.groups;
  const int64_t parts = std::max<int64_t>(1, out / (4 * kConvRows));
  return Shifts::make<T>(std::move(y), std::move(x),
                         {.channels = in,
                          .images = std::min(s.n, images * parts / kTasks),
                          .bands = kTasks / std::max<int64_t>(1, images)});
}

// Sums of parts of a batch, and how they are shared out: tasks own a part of the batch, a tile of output channels and a
// run of input channels.
template <class T>
class WeightGrad {
 public:
  // dy has `dy_channels` channels, of which it points to the first that matters.
  WeightGrad(const ConvSize& s, const T* dy, int64_t dy_channels, const T* x)
      : s_(s),
        dy_channels_(dy_channels),
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
        shifts_(
            Shifts::make<T>(ShiftAxis::forward(s.y), ShiftAxis::forward(s.x),
                            {.channels = ceil_div(s.in, runs_),
                             .images = 1,
                             .bands = ceil_div(s.out_area() * width_ * static_cast<int64_t>(sizeof(T)), kTileBytes)})),
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
        add(image, tile / tiles_, tile % tiles_ * width_, first, channels, grad);
      }
    });
    rt::parallel_chunks(grad_size_, rt::kElementGrain, [&](int64_t begin, int64_t end) {
      for (int64_t part = 1; part < parts_; ++part) {
        const T* const from = sums + part * grad_size_;
        for (int64_t i = begin; i < end; ++i) sums[i] += from[i];
      }
    });
    rt::parallel_for(s_.groups * tiles_, [&](int64_t tile) {
      const int64_t out = tile % tiles_ * width_;
      kernels::unpack_tile(sums + tile * taps_ * width_, width_,
                           static_cast<int>(std::min<int64_t>(width_, s_.out - out)), taps_,
                           dw + (tile / tiles_ * s_.out + out) * taps_, taps_);
    });
  }

 private:
  static constexpr int64_t kMostElements = int64_t{1} << 20;
  // Of dY, transposed, of a band; and positions that stay in L1.
  static constexpr int64_t kTileBytes = int64_t{128} << 10;
  static constexpr int64_t kBlockPositions = 64;

  // One image, of a group the output channels from `out` on and the input channels [first, first + channels).
  void add(int64_t image, int64_t group, int64_t out, int64_t first, int64_t channels, T* grad) const {
    const int64_t cols = s_.x.out();
    const int64_t most_rows = ceil_div(s_.y.out(), shifts_.bands());
    const int64_t band_size = ceil_div(shifts_.band_size(channels), 16) * 16;
    const rt::Scratch scratch((band_size + most_rows * cols * width_) * static_cast<int64_t>(sizeof(T)));
    T* const spread = reinterpret_cast<T*>(scratch.data());
    T* const dy_tile = spread + band_size;
    const int outs = static_cast<int>(std::min<int64_t>(width_, s_.out - out));
    const T* const dy = dy_ + (image * dy_channels_ + group * s_.out + out) * s_.out_area();
    const T* const source = x_ + ((image * s_.groups + group) * s_.in + first) * s_.in_area();
    for (int64_t band = 0; band < shifts_.bands(); ++band) {
      const auto [row, end_row] = shifts_.rows(band);
      const T* const x = shifts_.spread(source, 0, 1, channels, band, spread);
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

  const ConvSize& s_;
  int64_t dy_channels_;
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
  const Shifts shifts = shifts_of<T>(s, ShiftAxis::forward(s.y), ShiftAxis::forward(s.x), s.in, s.out);
  const WeightView view{s.out, s.in, s.in * s.window(), s.window(), shifts.places(s.x.kernel), true};
  const Tensor packed = pack_weights(s.groups, view, s.out * s.in * s.window(), w);
  const ConvTarget<T> target{y, s.groups * s.out * s.out_area(), s.out_area(), s.x.out(), 1};
  Sums<T>{shifts, s.n, s.groups, s.in, s.out, x, packed.data<T>(), bias, target}.run();
}

template <class T>
void conv_input_grad(const ConvSize& s, const T* dy, const T* w, T* dx) {
  if (s.in == 0) return;
  if (is_depthwise(s)) return depthwise_input_grad(s, dy, w, dx);
  for_each_residue(s, dx, [&](ShiftAxis y, ShiftAxis x, const ConvTarget<T>& target) {
    const Shifts shifts = shifts_of<T>(s, std::move(y), std::move(x), s.out, s.in);
    const WeightView view{s.in, s.out, s.window(), s.in * s.window(), shifts.places(s.x.kernel)};
    const Tensor packed = pack_weights(s.groups, view, s.out * s.in * s.window(), w);
    Sums<T>{shifts, s.n, s.groups, s.out, s.in, dy, packed.data<T>(), nullptr, target}.run();
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
  WeightGrad<T>(s, dy, s.groups * s.out, x).run(dw);
}

template <class T>
void conv_weight_grad_rows(const ConvSize& s, int64_t first, int64_t rows, const T* dy, const T* x, T* dw) {
  if (rows * s.in * s.window() == 0) return;
  if (s.n == 0) {
    std::fill_n(dw, rows * s.in * s.window(), T(0));
    return;
  }
  ConvSize part = s;
  part.out = rows;
  WeightGrad<T>(part, dy + first * s.out_area(), s.out, x).run(dw);
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

#define GOSSAMER_CONV_OF(T)                                                                       \
  template void conv_forward(const ConvSize&, const T*, const T*, const T*, T*);                  \
  template void conv_input_grad(const ConvSize&, const T*, const T*, T*);                         \
  template void conv_weight_grad(const ConvSize&, const T*, const T*, T*);                        \
  template void conv_weight_grad_rows(const ConvSize&, int64_t, int64_t, const T*, const T*, T*); \
  template void conv_bias_grad(const ConvSize&, const T*, T*);
GOSSAMER_CONV_OF(float)
GOSSAMER_CONV_OF(double)
#undef GOSSAMER_CONV_OF

}  // namespace gossamer
