// The gradient of a convolution's weight and bias.
#include <algorithm>
#include <cstdint>
#include <span>

#include "gossamer/tensor.h"
#include "kernels/csr.h"
#include "kernels/reduce.h"
#include "ops/conv/depthwise.h"
#include "ops/conv/products.h"
#include "ops/conv/sums.h"
#include "runtime/parallel.h"
#include "runtime/scratch.h"

namespace gossamer {

namespace {

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
        parts_(std::clamp<int64_t>(1 + kMostElements / grad_size_, 1, std::min(kConvTasks, s.n))),
        runs_(std::clamp<int64_t>(ceil_div(kConvTasks, parts_ * s.groups * tiles_), 1, s.in)),
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

}  // namespace

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
  // A task owns channels that follow one another in memory.
  rt::parallel_chunks(channels, rt::grain_of(s.out_area()), [&](int64_t begin, int64_t end) {
    const rt::Scratch scratch((end - begin) * static_cast<int64_t>(sizeof(double)));
    const std::span sums(reinterpret_cast<double*>(scratch.data()), static_cast<size_t>(end - begin));
    std::ranges::fill(sums, 0);
    for (int64_t n = 0; n < s.n; ++n) {
      for (int64_t c = begin; c < end; ++c) {
        sums[static_cast<size_t>(c - begin)] += kernels::sum(s.out_area(), dy + (n * channels + c) * s.out_area());
      }
    }
    for (int64_t c = begin; c < end; ++c) db[c] = static_cast<T>(sums[static_cast<size_t>(c - begin)]);
  });
}

#define GOSSAMER_CONV_OF(T)                                                                       \
  template void conv_weight_grad(const ConvSize&, const T*, const T*, T*);                        \
  template void conv_weight_grad_rows(const ConvSize&, int64_t, int64_t, const T*, const T*, T*); \
  template void conv_bias_grad(const ConvSize&, const T*, T*);
GOSSAMER_CONV_OF(float)
GOSSAMER_CONV_OF(double)
#undef GOSSAMER_CONV_OF

}  // namespace gossamer
