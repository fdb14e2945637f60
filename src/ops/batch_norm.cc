// Batch norm. Every pass over x is one of the kernels of channel_norm.h on pieces of x, and what they find in the
// pieces of a channel is combined in order.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/block_allocator.h"
#include "gossamer/dispatch.h"
#include "gossamer/ops/channel_norm.h"
#include "kernels/channel_norm.h"
#include "ops/check.h"
#include "ops/norm_checks.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "runtime/scratch.h"
#include "tensor/layout.h"

namespace gossamer {

namespace {

constexpr const char* kOp = "batch_norm";

// How the elements of a channel lie. Planes: [parts][channels][stride], of which the first `length` count, fewer in the
// last part. Columns: rows of `fold` elements of each channel, cut into parts of several rows. A part has `entries`
// sums, `fold` for each channel.
struct ChannelView {
  bool is_columns = false;
  int64_t channels = 0;
  int64_t parts = 0;
  int64_t fold = 1;
  kernels::Planes planes = {};
  int64_t last_length = 0;
  int64_t rows = 0;
  int64_t rows_of_part = 0;

  int64_t entries() const { return channels * fold; }
  // Elements of a part that each of its entries stands for.
  int64_t count(int64_t part) const {
    if (is_columns) return std::min(rows - part * rows_of_part, rows_of_part);
    return part + 1 == parts ? last_length : planes.length;
  }

  static ChannelView of_planes(int64_t parts, int64_t channels, int64_t stride, int64_t last_length) {
    ChannelView view{.channels = channels, .parts = parts, .last_length = last_length};
    view.planes = {.length = stride, .stride = stride};
    return view;
  }
  static ChannelView of_columns(int64_t rows, int64_t channels, int64_t fold) {
    // The sums of a part are of float: 128 terms at most. Fewer where that makes enough tasks.
    const int64_t rows_of_part = std::clamp<int64_t>(rt::kElementGrain / (channels * fold), 8, 128);
    return {.is_columns = true,
            .channels = channels,
            .parts = (rows + rows_of_part - 1) / rows_of_part,
            .fold = fold,
            .rows = rows,
            .rows_of_part = rows_of_part};
  }
};

// A run of channels of one part, at `at` elements from the first.
struct Piece {
  int64_t part;
  int64_t first;
  int64_t at;
  kernels::Planes planes;
  kernels::Columns columns;
};

template <class F>
void for_each_piece(const ChannelView& view, const F& f) {
  if (view.is_columns) {
    rt::parallel_for(view.parts, [&](int64_t part) {
      const int64_t at = part * view.rows_of_part * view.entries();
      f(Piece{part, 0, at, {}, {.rows = view.count(part), .cols = view.entries()}});
    });
    return;
  }
  const int64_t grain = rt::grain_of(view.planes.stride);
  rt::parallel_chunks(view.parts * view.channels, grain, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t part = begin / view.channels;
      const int64_t next = std::min(end, (part + 1) * view.channels);
      const kernels::Planes planes{.count = next - begin, .length = view.count(part), .stride = view.planes.stride};
      f(Piece{part, begin % view.channels, begin * planes.stride, planes, {}});
      begin = next;
    }
  });
}

// Below this many elements a plane is mostly the price of its call and its tail.
constexpr int64_t kMinPlane = 16;

// Tiles of a matrix are planes: [tiles][features][width].
Layout layout_of(const Tensor& x) { return x.rank() == 2 ? Layout::of(x) : Layout::rows(); }

ChannelView view_of(const Tensor& x) {
  const Layout layout = layout_of(x);
  if (layout.is_tiled()) {
    const auto tiles = layout.read<float>(x);
    const int64_t parts = tiles.tiles(tiles.width);
    return ChannelView::of_planes(parts, tiles.features, tiles.width, tiles.n - (parts - 1) * tiles.width);
  }
  const int64_t inner = axis_of(x.shape(), 1).inner;
  if (inner < kMinPlane) return ChannelView::of_columns(x.dim(0), x.dim(1), inner);
  return ChannelView::of_planes(x.dim(0), x.dim(1), inner, inner);
}

// Two doubles for each entry of each part.
struct Sums {
  Tensor storage;
  double* first;
  double* second;

  explicit Sums(const ChannelView& view)
      : storage(Tensor::empty({2, view.parts * view.entries()}, DType::f64)),
        first(storage.mutable_data<double>()),
        second(first + view.parts * view.entries()) {}
};

// Sums along the columns of a piece, as doubles.
template <class T, class Kernel>
void sum_columns(const Piece& piece, const Kernel& kernel, double* first, double* second) {
  const int64_t cols = piece.columns.cols;
  const rt::Scratch scratch(2 * cols * static_cast<int64_t>(sizeof(T)));
  T* const sums = reinterpret_cast<T*>(scratch.data());
  std::fill_n(sums, 2 * cols, T(0));
  kernel(sums, sums + cols);
  std::copy_n(sums, cols, first);
  std::copy_n(sums + cols, cols, second);
}

// The sum of f(part, entry) over what belongs to a channel, in order.
template <class F>
double sum_of_channel(const ChannelView& view, int64_t channel, const F& f) {
  double sum = 0;
  for (int64_t part = 0; part < view.parts; ++part) {
    const int64_t entry = part * view.entries() + channel * view.fold;
    for (int64_t k = 0; k < view.fold; ++k) sum += f(part, entry + k);
  }
  return sum;
}

template <class F>
void for_each_channel(const ChannelView& view, const F& f) {
  const int64_t grain = rt::grain_of(view.parts * view.fold);
  rt::parallel_chunks(view.channels, grain, [&](int64_t begin, int64_t end) {
    for (int64_t channel = begin; channel < end; ++channel) f(channel);
  });
}

// Constants of the channels, `fold` times each: rows of [kinds, entries].
template <class T>
struct Constants {
  Tensor storage;
  T* data;
  int64_t entries;
  int64_t fold;

  Constants(const ChannelView& view, int64_t kinds, DType dtype)
      : storage(Tensor::empty({kinds, view.entries()}, dtype)),
        data(storage.mutable_data<T>()),
        entries(view.entries()),
        fold(view.fold) {}

  const T* of(int64_t kind) const { return data + kind * entries; }
  void set(int64_t kind, int64_t channel, double value) {
    std::fill_n(data + kind * entries + channel * fold, fold, static_cast<T>(value));
  }
};

// Mean and biased variance of each channel.
template <class T>
void batch_statistics(const ChannelView& view, double count, const T* x, double* mean, double* variance) {
  Sums sums(view);
  double* const means = sums.first;
  double* const squares = sums.second;
  for_each_piece(view, [&](const Piece& piece) {
    const T* const from = x + piece.at;
    double* const m = means + piece.part * view.entries() + piece.first;
    double* const s = squares + piece.part * view.entries() + piece.first;
    if (!view.is_columns) return kernels::plane_moments(piece.planes, from, m, s);
    // Around the first row, which is near the mean as a rule.
    sum_columns<T>(
        piece, [&](T* sum, T* square) { kernels::column_moments(piece.columns, from, from, sum, square); }, m, s);
    const double scale = 1 / static_cast<double>(piece.columns.rows);
    for (int64_t k = 0; k < piece.columns.cols; ++k) {
      const double square = s[k] - m[k] * m[k] * scale;
      s[k] = square < 0 ? 0 : square;
      m[k] = static_cast<double>(from[k]) + m[k] * scale;
    }
  });
  const auto elements = [&](int64_t part) { return static_cast<double>(view.count(part)); };
  for_each_channel(view, [&](int64_t c) {
    const double sum =
        sum_of_channel(view, c, [&](int64_t part, int64_t entry) { return elements(part) * means[entry]; });
    mean[c] = sum / count;
    const double square = sum_of_channel(view, c, [&](int64_t part, int64_t entry) {
      const double distance = means[entry] - mean[c];
      return squares[entry] + elements(part) * distance * distance;
    });
    variance[c] = square / count;
  });
}

// y = (x - center) scale + shift for every channel.
template <class T>
void apply(const ChannelView& view, const Constants<T>& constants, const T* x, T* y) {
  for_each_piece(view, [&](const Piece& piece) {
    const auto of = [&](int64_t kind) { return constants.of(kind) + piece.first; };
    if (view.is_columns) {
      kernels::column_affine(piece.columns, x + piece.at, of(0), of(1), of(2), y + piece.at);
    } else {
      kernels::plane_affine(piece.planes, x + piece.at, of(0), of(1), of(2), y + piece.at);
    }
  });
}

struct BatchNormNode final : Node {
  Input x{*this, {&x, &weight, &bias}}, weight{*this, {&x}}, bias{*this};
  bool training;
  SavedTensor statistics;  // f64 [2, channels]: mean and rstd
  BatchNormNode(bool training_, const Tensor& statistics_) : training(training_), statistics(*this, statistics_) {}

  Gradients backward(const Tensor& grad) override {
    const Layout layout = layout_of(x.value());
    Tensor dx = layout.empty(x.shape(), grad.dtype());
    Tensor sums = Tensor::zeros({2, x.shape()[1]}, grad.dtype());
    if (grad.numel() > 0) {
      dispatch_floating(grad.dtype(), kOp, [&]<class T>() {
        const Tensor dy = layout.take(grad);
        const Batch<T> to = layout.write<T>(dx);
        gradients(layout.read<T>(x.value()).data, layout.read<T>(dy).data, to.data, sums.mutable_data<T>());
        if (layout.is_tiled()) clear_lanes_past_n(to);
      });
    }
    const auto sum_of = [&](const Input& affine, int64_t row) {
      return affine.gradient([&] { return sums.alias(affine.shape(), row * x.shape()[1]); });
    };
    return {x.gradient([&] { return dx; }), sum_of(weight, 0), sum_of(bias, 1)};
  }

 private:
  template <class T>
  void gradients(const T* from, const T* dy, T* dx, T* totals) const {
    const ChannelView view = view_of(x.value());
    const int64_t samples = x.value().numel() / view.channels;
    const auto count = static_cast<double>(samples);
    const double* const mean = statistics.get().data<double>();
    const double* const rstd = mean + view.channels;
    const T* const w = data_or_null<T>(weight.value());
    Constants<T> constants(view, 4, x.value().dtype());  // center, scale, slope, shift
    for (int64_t c = 0; c < view.channels; ++c) constants.set(0, c, mean[c]);

    Sums sums(view);
    for_each_piece(view, [&](const Piece& piece) {
      double* const s = sums.first + piece.part * view.entries() + piece.first;
      double* const d = sums.second + piece.part * view.entries() + piece.first;
      const T* const g = dy + piece.at;
      const T* const centers = constants.of(0) + piece.first;
      if (!view.is_columns) return kernels::plane_dots(piece.planes, g, from + piece.at, centers, s, d);
      sum_columns<T>(
          piece, [&](T* sum, T* dot) { kernels::column_dots(piece.columns, g, from + piece.at, centers, sum, dot); }, s,
          d);
    });
    // dx = weight rstd (dy - mean of dy - normalized x * mean of dy normalized x) in training.
    for_each_channel(view, [&](int64_t c) {
      const double center = static_cast<double>(static_cast<T>(mean[c]));
      const double sum = sum_of_channel(view, c, [&](int64_t, int64_t entry) { return sums.first[entry]; });
      const double dot = sum_of_channel(view, c, [&](int64_t, int64_t entry) { return sums.second[entry]; }) +
                         (center - mean[c]) * sum;
      totals[c] = static_cast<T>(dot * rstd[c]);
      totals[view.channels + c] = static_cast<T>(sum);
      const double scale = (w ? static_cast<double>(w[c]) : 1) * rstd[c];
      const double slope = -scale * rstd[c] * rstd[c] * dot / count;
      constants.set(1, c, scale);
      constants.set(2, c, slope);
      constants.set(3, c, (center - mean[c]) * slope - scale * sum / count);
      if (training) return;
      constants.set(0, c, 0);
      constants.set(2, c, 0);
    });
    // In evaluation dx = dy scale: x plays no part, not even with NaN.
    if (!training) return apply(view, constants, dy, dx);
    for_each_piece(view, [&](const Piece& piece) {
      const auto of = [&](int64_t kind) { return constants.of(kind) + piece.first; };
      const T* const g = dy + piece.at;
      const T* const read = from + piece.at;
      if (view.is_columns) {
        kernels::column_grad(piece.columns, g, read, of(0), of(1), of(2), of(3), dx + piece.at);
      } else {
        kernels::plane_grad(piece.planes, g, read, of(0), of(1), of(2), of(3), dx + piece.at);
      }
    });
  }
};

void check_running(const Tensor& x, const BatchNormOptions& options) {
  const Shape shape{x.dim(1)};
  check_affine(kOp, "running_mean", x, options.running_mean, shape);
  check_affine(kOp, "running_var", x, options.running_var, shape);
  if (options.running_mean.defined() != options.running_var.defined()) {
    fail<StateError>(kOp, "running_mean and running_var must come together", "one of them is undefined");
  }
  if (!options.training && !options.running_mean.defined()) {
    fail<StateError>(kOp, "evaluation needs running statistics", "they are undefined");
  }
  if (!(options.momentum >= 0 && options.momentum <= 1)) {
    fail<ConfigError>(kOp, "momentum must lie in [0, 1]", fmt::format("{}", options.momentum));
  }
}

// Takes up the statistics of a batch of `count` elements per channel. Cannot fail once both are open.
template <class T>
void update_running(const BatchNormOptions& options, double count, const double* mean, const double* variance) {
  Tensor running_mean = options.running_mean;
  Tensor running_var = options.running_var;
  T* const to_mean = running_mean.mutable_data<T>();
  T* const to_var = running_var.mutable_data<T>();
  const auto mix = [&](T before, double now) {
    return static_cast<T>((1 - options.momentum) * static_cast<double>(before) + options.momentum * now);
  };
  for (int64_t c = 0; c < running_mean.numel(); ++c) {
    to_mean[c] = mix(to_mean[c], mean[c]);
    to_var[c] = mix(to_var[c], variance[c] * (count / (count - 1)));
  }
}

}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, const BatchNormOptions& options) {
  check_channels(kOp, x);
  check_eps(kOp, options.eps);
  check_affine(kOp, "weight", x, weight, {x.dim(1)});
  check_affine(kOp, "bias", x, bias, {x.dim(1)});
  check_running(x, options);
  const int64_t channels = x.dim(1);
  const int64_t count = channels == 0 ? 0 : x.numel() / channels;
  if (options.training && count == 1) {
    fail<ShapeError>(kOp, "training needs more than one element per channel", x.shape().to_string(),
                     "take a larger batch, or evaluate");
  }

  const Layout layout = layout_of(x);
  Tensor y = layout.empty(x.shape(), x.dtype());
  Tensor statistics = Tensor::empty({2, channels}, DType::f64);
  const bool updates = options.training && options.running_mean.defined() && count > 0;
  BlockVector<double> variance(static_cast<size_t>(channels));
  if (count > 0) {
    dispatch_floating(x.dtype(), kOp, [&]<class T>() {
      const ChannelView view = view_of(x);
      const T* const from = layout.read<T>(x).data;
      const T* const w = data_or_null<T>(weight);
      const T* const b = data_or_null<T>(bias);
      double* const mean = statistics.mutable_data<double>();
      double* const rstd = mean + channels;
      if (options.training) {
        batch_statistics(view, static_cast<double>(count), from, mean, variance.data());
      } else {
        std::copy_n(options.running_mean.data<T>(), channels, mean);
        std::copy_n(options.running_var.data<T>(), channels, variance.data());
      }
      Constants<T> constants(view, 3, x.dtype());  // center, scale, shift
      for (int64_t c = 0; c < channels; ++c) {
        rstd[c] = 1 / std::sqrt(variance[static_cast<size_t>(c)] + options.eps);
        const double center = static_cast<double>(static_cast<T>(mean[c]));
        const double scale = (w ? static_cast<double>(w[c]) : 1) * rstd[c];
        constants.set(0, c, center);
        constants.set(1, c, scale);
        constants.set(2, c, (b ? static_cast<double>(b[c]) : 0) + (center - mean[c]) * scale);
      }
      const Batch<T> to = layout.write<T>(y);
      apply(view, constants, from, to.data);
      if (layout.is_tiled()) clear_lanes_past_n(to);
    });
  }
  const Tensor result = record<BatchNormNode>(kOp, y, {x, weight, bias}, options.training, statistics);
  if (updates) {
    dispatch_floating(x.dtype(), kOp, [&]<class T>() {
      update_running<T>(options, static_cast<double>(count), statistics.data<double>(), variance.data());
    });
  }
  return result;
}

}  // namespace gossamer
