// Pooling in two dimensions. A window is a product of a run of rows and a run of columns, so each row of results takes
// two loops: over the rows of x for all columns at once, then over the columns of each window.
#include "gossamer/ops/pooling.h"
#include "gossamer/block_allocator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/dispatch.h"
#include "kernels/max_pool.h"
#include "kernels/reference/max_pool.h"
#include "ops/check.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "runtime/scratch.h"

namespace gossamer {

namespace {

// Rows or columns [begin, end), every step-th: what is inside x of a window. `padded` counts what is outside too.
struct Window {
  int64_t begin;
  int64_t end;
  int64_t step;
  int64_t padded;

  int64_t count() const { return begin < end ? (end - begin + step - 1) / step : 0; }
};

using Windows = std::vector<Window>;

// Windows of one dimension at equal distances.
struct Sliding {
  int64_t kernel;
  int64_t stride;
  int64_t before;
  int64_t dilation;
};

struct Grid {
  int64_t height;
  int64_t width;
  Windows rows;
  Windows cols;
  std::optional<Sliding> sliding_cols = {};

  int64_t plane() const { return height * width; }
  int64_t results() const { return static_cast<int64_t>(rows.size() * cols.size()); }
};

// One dimension of a pooling.
struct Axis1d {
  int64_t size;
  int64_t kernel;
  int64_t stride;
  int64_t before;
  int64_t after;
  int64_t dilation;
};

Windows windows_of(const char* op, const Axis1d& axis, bool ceil_mode) {
  const int64_t reach = axis.dilation * (axis.kernel - 1) + 1;
  const int64_t room = axis.size + axis.before + axis.after - reach;
  if (room < 0) {
    fail<ShapeError>(op, "a window must fit into x and its padding",
                     fmt::format("window {}, x {}, padding {} and {}", reach, axis.size, axis.before, axis.after));
  }
  int64_t count = (room + (ceil_mode ? axis.stride - 1 : 0)) / axis.stride + 1;
  if (ceil_mode && (count - 1) * axis.stride >= axis.size + axis.before) --count;
  Windows windows;
  windows.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const int64_t start = i * axis.stride - axis.before;
    const int64_t skipped = start < 0 ? (-start + axis.dilation - 1) / axis.dilation : 0;
    windows.push_back({.begin = start + skipped * axis.dilation,
                       .end = std::min(start + reach, axis.size),
                       .step = axis.dilation,
                       .padded = std::min(start + reach, axis.size + axis.after) - start});
  }
  return windows;
}

Windows adaptive_windows(int64_t size, int64_t count) {
  Windows windows;
  windows.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const int64_t begin = i * size / count;
    const int64_t end = ((i + 1) * size + count - 1) / count;
    windows.push_back({.begin = begin, .end = end, .step = 1, .padded = end - begin});
  }
  return windows;
}

void check_images(const char* op, const Tensor& x) {
  check_floating(op, x);
  if (x.rank() != 3 && x.rank() != 4) {
    fail<ShapeError>(op, "x must be [n, channels, h, w] or [channels, h, w]", x.shape().to_string());
  }
  constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
  if (x.dim(-2) < 1 || x.dim(-1) < 1 || x.dim(-2) > kMax / x.dim(-1)) {
    fail<ShapeError>(op, fmt::format("h and w must be at least 1, and their product at most {}", kMax),
                     x.shape().to_string());
  }
}

void check_size(const char* op, const char* name, const Size2d& size, int64_t smallest) {
  constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
  if (std::min(size.h, size.w) < smallest || std::max(size.h, size.w) > kMax) {
    fail<ConfigError>(op, fmt::format("{} must lie in [{}, {}]", name, smallest, kMax),
                      fmt::format("{} x {}", size.h, size.w));
  }
}

template <class Options>
Grid grid_of(const char* op, const Tensor& x, const Options& options, const Size2d& dilation) {
  check_images(op, x);
  check_size(op, "kernel", options.kernel, 1);
  check_size(op, "stride", options.stride, 0);
  check_size(op, "padding_end", options.padding_end, -1);
  check_size(op, "dilation", dilation, 1);
  check_size(op, "padding", options.padding, 0);
  const auto either = [](int64_t given, int64_t none, int64_t otherwise) { return given == none ? otherwise : given; };
  const Size2d stride{either(options.stride.h, 0, options.kernel.h), either(options.stride.w, 0, options.kernel.w)};
  const Size2d end{either(options.padding_end.h, -1, options.padding.h),
                   either(options.padding_end.w, -1, options.padding.w)};
  for (const Size2d& padding : {options.padding, end}) {
    if (padding.h > dilation.h * (options.kernel.h - 1) || padding.w > dilation.w * (options.kernel.w - 1)) {
      fail<ConfigError>(op, "padding must be smaller than a window", fmt::format("{} x {}", padding.h, padding.w));
    }
  }
  const Axis1d rows{x.dim(-2), options.kernel.h, stride.h, options.padding.h, end.h, dilation.h};
  const Axis1d cols{x.dim(-1), options.kernel.w, stride.w, options.padding.w, end.w, dilation.w};
  Grid grid{.height = x.dim(-2),
            .width = x.dim(-1),
            .rows = windows_of(op, rows, options.ceil_mode),
            .cols = windows_of(op, cols, options.ceil_mode)};
  // Few places are then computed in vain, and a line with its padding stays short.
  if (cols.stride <= 8 && (cols.kernel - 1) * cols.dilation < cols.size) {
    grid.sliding_cols = Sliding{cols.kernel, cols.stride, cols.before, cols.dilation};
  }
  return grid;
}

Grid adaptive_grid(const char* op, const Tensor& x, const Size2d& size) {
  check_images(op, x);
  check_size(op, "size", size, 1);
  return {.height = x.dim(-2),
          .width = x.dim(-1),
          .rows = adaptive_windows(x.dim(-2), size.h),
          .cols = adaptive_windows(x.dim(-1), size.w)};
}

Shape result_shape(const Shape& x, const Grid& grid) {
  BlockVector<int64_t> sizes(x.begin(), x.end());
  sizes[sizes.size() - 2] = static_cast<int64_t>(grid.rows.size());
  sizes.back() = static_cast<int64_t>(grid.cols.size());
  return Shape(sizes);
}

// f(plane) for all planes of x.
template <class F>
void for_planes(const Shape& x, const Grid& grid, const F& f) {
  const int64_t grain = rt::grain_of(std::max(grid.plane(), grid.results()));
  rt::parallel_chunks(x.numel() / grid.plane(), grain, [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) f(plane);
  });
}

// ---- Maximum ----

// f32 by SIMD kernels, f64 by their reference.
void best_of_rows(const Window& rows, int64_t width, const float* x, float* best, int32_t* at) {
  kernels::best_of_rows(rows.count(), rows.step * width, width, x + rows.begin * width,
                        static_cast<int32_t>(rows.begin * width), best, at);
}
void best_of_rows(const Window& rows, int64_t width, const double* x, double* best, int32_t* at) {
  kernels::reference::best_of_rows(rows.count(), rows.step * width, width, x + rows.begin * width,
                                   static_cast<int32_t>(rows.begin * width), best, at);
}
void best_of_windows(const Sliding& cols, int64_t n, const float* x, const int32_t* at, float* best, int32_t* best_at) {
  kernels::best_of_windows(cols.kernel, cols.dilation, n, x, at, best, best_at);
}
void best_of_windows(const Sliding& cols, int64_t n, const double* x, const int32_t* at, double* best,
                     int32_t* best_at) {
  kernels::reference::best_of_windows(cols.kernel, cols.dilation, n, x, at, best, best_at);
}

// Windows that slide are computed at every place, so that places fill vectors, and then picked; others one by one.
template <class T>
void max_of_plane(const Grid& grid, const T* x, T* y, int32_t* chosen) {
  constexpr T kLeast = -std::numeric_limits<T>::infinity();
  constexpr int32_t kPadding = std::numeric_limits<int32_t>::max();  // loses against what is inside
  const auto count = static_cast<int64_t>(grid.cols.size());
  const Sliding cols = grid.sliding_cols.value_or(Sliding{1, 1, 0, 1});
  const int64_t places = grid.sliding_cols ? (count - 1) * cols.stride + 1 : 0;
  const int64_t reach = std::max(cols.before + grid.width, places + (cols.kernel - 1) * cols.dilation);
  const int64_t length = reach + kernels::kMaxPoolSlack;
  const rt::Scratch scratch(2 * length * static_cast<int64_t>(sizeof(T) + sizeof(int32_t)));
  T* const line = reinterpret_cast<T*>(scratch.data());
  T* const best = line + length;
  int32_t* const line_at = reinterpret_cast<int32_t*>(best + length);
  int32_t* const best_at = line_at + length;
  std::fill_n(line, length, kLeast);
  std::fill_n(line_at, length, kPadding);
  for (const Window& rows : grid.rows) {
    if (rows.begin >= rows.end) {
      y = std::fill_n(y, count, kLeast);
      chosen = std::fill_n(chosen, count, -1);
      continue;
    }
    best_of_rows(rows, grid.width, x, line + cols.before, line_at + cols.before);
    if (grid.sliding_cols) {
      best_of_windows(cols, places, line, line_at, best, best_at);
      for (int64_t i = 0; i < count; ++i) {
        *y++ = best[i * cols.stride];
        const int32_t at = best_at[i * cols.stride];
        *chosen++ = at == kPadding ? -1 : at;
      }
      continue;
    }
    for (const Window& window : grid.cols) {
      T value = kLeast;
      int32_t at = -1;
      for (int64_t col = window.begin; col < window.end; col += window.step) {
        if (at >= 0 && !kernels::reference::beats(line[col], line_at[col], value, at)) continue;
        value = line[col];
        at = line_at[col];
      }
      *y++ = value;
      *chosen++ = at;
    }
  }
}

struct MaxPoolNode final : Node {
  Input x{*this};
  SavedTensor chosen;
  explicit MaxPoolNode(const Tensor& chosen_) : chosen(*this, chosen_) {}

  Gradients backward(const Tensor& grad) override {
    Tensor dx = Tensor::zeros(x.shape(), grad.dtype());
    if (grad.numel() == 0) return {dx};
    const int64_t plane = x.shape()[x.shape().rank() - 2] * x.shape().back();
    const int64_t results = grad.dim(-2) * grad.dim(-1);
    dispatch_floating(grad.dtype(), "max_pool2d", [&]<class T>() {
      const T* const dy = grad.data<T>();
      const int32_t* const at = chosen.get().data<int32_t>();
      T* const to = dx.mutable_data<T>();
      rt::parallel_chunks(grad.numel() / results, rt::grain_of(results), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin * results; i < end * results; ++i) {
          if (at[i] >= 0) to[i / results * plane + at[i]] += dy[i];
        }
      });
    });
    return {dx};
  }
};

// The result, recorded, and where its elements come from: i32.
std::pair<Tensor, Tensor> max_pool(const char* op, const Tensor& x, const Grid& grid) {
  const Shape shape = result_shape(x.shape(), grid);
  Tensor y = Tensor::empty(shape, x.dtype());
  Tensor chosen = Tensor::empty(shape, DType::i32);
  dispatch_floating(x.dtype(), op, [&]<class T>() {
    const T* const from = x.data<T>();
    T* const to = y.mutable_data<T>();
    int32_t* const at = chosen.mutable_data<int32_t>();
    for_planes(x.shape(), grid, [&](int64_t plane) {
      max_of_plane(grid, from + plane * grid.plane(), to + plane * grid.results(), at + plane * grid.results());
    });
  });
  return {record<MaxPoolNode>(op, y, {x}, chosen), chosen};
}

// ---- Mean ----

struct Divisor {
  bool counts_padding = false;
  std::optional<int64_t> fixed = {};

  double operator()(const Window& rows, const Window& cols) const {
    const int64_t elements = counts_padding ? rows.padded * cols.padded : rows.count() * cols.count();
    return static_cast<double>(fixed.value_or(elements));
  }
};

// Sums are in double, as long as a window may be.
template <class T>
void mean_of_plane(const Grid& grid, const Divisor& divisor, const T* x, T* y) {
  const rt::Scratch scratch(grid.width * static_cast<int64_t>(sizeof(double)));
  double* const sums = reinterpret_cast<double*>(scratch.data());
  for (const Window& rows : grid.rows) {
    std::fill_n(sums, grid.width, 0.0);
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      const T* const from = x + row * grid.width;
      for (int64_t col = 0; col < grid.width; ++col) sums[col] += static_cast<double>(from[col]);
    }
    for (const Window& cols : grid.cols) {
      double sum = 0;
      for (int64_t col = cols.begin; col < cols.end; ++col) sum += sums[col];
      *y++ = static_cast<T>(sum / divisor(rows, cols));
    }
  }
}

// dx is zero before.
template <class T>
void mean_gradient(const Grid& grid, const Divisor& divisor, const T* dy, T* dx) {
  const rt::Scratch scratch(grid.width * static_cast<int64_t>(sizeof(double)));
  double* const sums = reinterpret_cast<double*>(scratch.data());
  for (const Window& rows : grid.rows) {
    std::fill_n(sums, grid.width, 0.0);
    for (const Window& cols : grid.cols) {
      const double share = static_cast<double>(*dy++) / divisor(rows, cols);
      for (int64_t col = cols.begin; col < cols.end; ++col) sums[col] += share;
    }
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      T* const to = dx + row * grid.width;
      for (int64_t col = 0; col < grid.width; ++col) to[col] += static_cast<T>(sums[col]);
    }
  }
}

struct AvgPoolNode final : Node {
  Input x{*this};
  Grid grid;
  Divisor divisor;
  AvgPoolNode(Grid grid_, const Divisor& divisor_) : grid(std::move(grid_)), divisor(divisor_) {}

  Gradients backward(const Tensor& grad) override {
    Tensor dx = Tensor::zeros(x.shape(), grad.dtype());
    dispatch_floating(grad.dtype(), "avg_pool2d", [&]<class T>() {
      const T* const dy = grad.data<T>();
      T* const to = dx.mutable_data<T>();
      for_planes(x.shape(), grid, [&](int64_t plane) {
        mean_gradient(grid, divisor, dy + plane * grid.results(), to + plane * grid.plane());
      });
    });
    return {dx};
  }
};

Tensor avg_pool(const char* op, const Tensor& x, Grid grid, const Divisor& divisor) {
  Tensor y = Tensor::empty(result_shape(x.shape(), grid), x.dtype());
  dispatch_floating(x.dtype(), op, [&]<class T>() {
    const T* const from = x.data<T>();
    T* const to = y.mutable_data<T>();
    for_planes(x.shape(), grid, [&](int64_t plane) {
      mean_of_plane(grid, divisor, from + plane * grid.plane(), to + plane * grid.results());
    });
  });
  return record<AvgPoolNode>(op, y, {x}, std::move(grid), divisor);
}

}  // namespace

Tensor max_pool2d(const Tensor& x, const MaxPool2dOptions& options) {
  constexpr const char* kOp = "max_pool2d";
  return max_pool(kOp, x, grid_of(kOp, x, options, options.dilation)).first;
}

std::pair<Tensor, Tensor> max_pool2d_with_indices(const Tensor& x, const MaxPool2dOptions& options) {
  constexpr const char* kOp = "max_pool2d_with_indices";
  const auto [y, chosen] = max_pool(kOp, x, grid_of(kOp, x, options, options.dilation));
  return {y, chosen.to(DType::i64)};
}

Tensor avg_pool2d(const Tensor& x, const AvgPool2dOptions& options) {
  constexpr const char* kOp = "avg_pool2d";
  Grid grid = grid_of(kOp, x, options, 1);
  if (options.divisor_override.value_or(1) < 1) {
    fail<ConfigError>(kOp, "divisor_override must be at least 1", fmt::format("{}", *options.divisor_override));
  }
  return avg_pool(kOp, x, std::move(grid),
                  {.counts_padding = options.count_include_pad, .fixed = options.divisor_override});
}

Tensor adaptive_avg_pool2d(const Tensor& x, const Size2d& size) {
  constexpr const char* kOp = "adaptive_avg_pool2d";
  return avg_pool(kOp, x, adaptive_grid(kOp, x, size), {});
}

Tensor adaptive_max_pool2d(const Tensor& x, const Size2d& size) {
  constexpr const char* kOp = "adaptive_max_pool2d";
  return max_pool(kOp, x, adaptive_grid(kOp, x, size)).first;
}

}  // namespace gossamer
