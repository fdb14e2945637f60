// Softmax and its logarithm along a dimension that is not the last: neighbouring lines are walked side by side, row by
// row as they stand in memory. To copy each line out costs more than the exponentials.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "kernels/elementwise.h"
#include "ops/check.h"
#include "runtime/parallel.h"

namespace gossamer::softmax_columns {

using kernels::Binary;
using kernels::Unary;

constexpr int64_t kMaxWidth = 512;

// Lines of n elements, side by side: element k of line i is at k * stride + i.
struct Columns {
  int64_t n;
  int64_t width;
  int64_t stride;
};
// A number for each line.
template <class T>
using Row = std::array<T, kMaxWidth>;

template <class T>
Row<T> largest(const Columns& c, const T* x) {
  Row<T> top;
  std::copy_n(x, c.width, top.data());
  for (int64_t k = 1; k < c.n; ++k) {
    kernels::zip(Binary::Maximum, c.width, {top.data()}, {x + k * c.stride}, top.data());
  }
  return top;
}

template <class T>
void add(int64_t width, const T* x, Row<double>& sums) {
  for (int64_t i = 0; i < width; ++i) sums[static_cast<size_t>(i)] += static_cast<double>(x[i]);
}

template <class T, class F>
Row<T> each(int64_t width, const Row<double>& sums, F f) {
  Row<T> row;
  for (size_t i = 0; i < static_cast<size_t>(width); ++i) row[i] = static_cast<T>(f(sums[i]));
  return row;
}

// y = forward(x), and dx = backward(y, dy), on blocks of lines.
struct Softmax {
  template <class T>
  static void forward(const Columns& c, const T* x, T* y) {
    const Row<T> top = largest(c, x);
    Row<double> sums{};
    for (int64_t at = 0; at < c.n * c.stride; at += c.stride) {
      kernels::zip(Binary::Sub, c.width, {x + at}, {top.data()}, y + at);
      kernels::map(Unary::Exp, c.width, y + at, y + at);
      add(c.width, y + at, sums);
    }
    const Row<T> factor = each<T>(c.width, sums, [](double sum) { return 1 / sum; });
    for (int64_t at = 0; at < c.n * c.stride; at += c.stride) {
      kernels::zip(Binary::Mul, c.width, {y + at}, {factor.data()}, y + at);
    }
  }
  // dx = y (dy - Σ dy y)
  template <class T>
  static void backward(const Columns& c, const T* y, const T* dy, T* dx) {
    Row<double> dots{};
    for (int64_t at = 0; at < c.n * c.stride; at += c.stride) {
      for (int64_t i = 0; i < c.width; ++i) {
        dots[static_cast<size_t>(i)] += static_cast<double>(dy[at + i]) * static_cast<double>(y[at + i]);
      }
    }
    const Row<T> dot = each<T>(c.width, dots, [](double sum) { return sum; });
    for (int64_t at = 0; at < c.n * c.stride; at += c.stride) {
      kernels::zip(Binary::Sub, c.width, {dy + at}, {dot.data()}, dx + at);
      kernels::zip(Binary::Mul, c.width, {y + at}, {dx + at}, dx + at);
    }
  }
};

struct LogSoftmax {
  template <class T>
  static void forward(const Columns& c, const T* x, T* y) {
    const Row<T> top = largest(c, x);
    Row<double> sums{};
    Row<T> powers;
    for (int64_t at = 0; at < c.n * c.stride; at += c.stride) {
      kernels::zip(Binary::Sub, c.width, {x + at}, {top.data()}, y + at);
      kernels::map(Unary::Exp, c.width, y + at, powers.data());
      add(c.width, powers.data(), sums);
    }
    const Row<T> log_sum = each<T>(c.width, sums, [](double sum) { return std::log(sum); });
    for (int64_t at = 0; at < c.n * c.stride; at += c.stride) {
      kernels::zip(Binary::Sub, c.width, {y + at}, {log_sum.data()}, y + at);
    }
  }
  // dx = dy - exp(y) Σ dy
  template <class T>
  static void backward(const Columns& c, const T* y, const T* dy, T* dx) {
    Row<double> sums{};
    for (int64_t at = 0; at < c.n * c.stride; at += c.stride) add(c.width, dy + at, sums);
    const Row<T> sum = each<T>(c.width, sums, [](double total) { return total; });
    for (int64_t at = 0; at < c.n * c.stride; at += c.stride) {
      kernels::map(Unary::Exp, c.width, y + at, dx + at);
      kernels::zip(Binary::Mul, c.width, {dx + at}, {sum.data()}, dx + at);
      kernels::zip(Binary::Sub, c.width, {dy + at}, {dx + at}, dx + at);
    }
  }
};

// f(columns, inputs..., out) for all lines along the axis, in blocks that stay in the L2 cache between their passes.
template <class T, class F, class... Inputs>
void for_blocks(const Axis& axis, F f, T* out, const Inputs*... inputs) {
  constexpr int64_t kElements = int64_t{1} << 17;
  const int64_t width = std::clamp<int64_t>(kElements / axis.size / 64 * 64, 64, kMaxWidth);
  const int64_t blocks = (axis.inner + width - 1) / width;
  // An exponential costs about as much as eight loads.
  const int64_t grain = rt::grain_of(axis.size * std::min(width, axis.inner), 8);
  rt::parallel_chunks(axis.outer * blocks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t col = block % blocks * width;
      const int64_t at = block / blocks * axis.size * axis.inner + col;
      const Columns columns{axis.size, std::min(width, axis.inner - col), axis.inner};
      f(columns, inputs + at..., out + at);
    }
  });
}

}  // namespace gossamer::softmax_columns
