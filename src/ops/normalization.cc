// Softmax and its logarithm along one dimension. Both gradients need the output alone.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/ops/normalization.h"
#include "ops/check.h"
#include "runtime/parallel.h"
#include "tensor/dispatch.h"

namespace gossamer {

namespace {

// n elements at a fixed distance: a line of the tensor along the dimension.
template <class T>
struct Line {
  T* data;
  int64_t n;
  int64_t stride;

  T& operator[](int64_t k) const { return data[k * stride]; }
};

// Calls f(offset of the first element) in parallel for every line along the axis.
template <class F>
void parallel_lines(const Axis& axis, F&& f) {
  if (axis.size == 0) return;
  // An exponential costs about as much as eight loads.
  const int64_t grain = std::max<int64_t>(1, rt::kElementGrain / 8 / axis.size);
  rt::parallel_chunks(axis.outer * axis.inner, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i / axis.inner * axis.size * axis.inner + i % axis.inner);
  });
}

// Subtracted before exponentials, so that none overflows. A NaN in the line comes back through the sum, if not here.
template <class T>
T largest(const Line<const T>& x) {
  T top = x[0];
  for (int64_t k = 1; k < x.n; ++k) top = x[k] > top ? x[k] : top;
  return top;
}

template <class T>
void softmax_line(const Line<const T>& x, const Line<T>& y) {
  const T top = largest(x);
  double sum = 0;
  for (int64_t k = 0; k < x.n; ++k) sum += y[k] = std::exp(x[k] - top);
  const T factor = static_cast<T>(1 / sum);
  for (int64_t k = 0; k < x.n; ++k) y[k] *= factor;
}

template <class T>
void log_softmax_line(const Line<const T>& x, const Line<T>& y) {
  const T top = largest(x);
  double sum = 0;
  for (int64_t k = 0; k < x.n; ++k) sum += std::exp(x[k] - top);
  const T log_sum = static_cast<T>(std::log(sum));
  for (int64_t k = 0; k < x.n; ++k) y[k] = x[k] - top - log_sum;
}

// dx = y (dy - Σ dy y)
template <class T>
void softmax_backward_line(const Line<const T>& y, const Line<const T>& dy, const Line<T>& dx) {
  double dot = 0;
  for (int64_t k = 0; k < y.n; ++k) dot += static_cast<double>(dy[k]) * y[k];
  for (int64_t k = 0; k < y.n; ++k) dx[k] = y[k] * (dy[k] - static_cast<T>(dot));
}

// dx = dy - exp(y) Σ dy
template <class T>
void log_softmax_backward_line(const Line<const T>& y, const Line<const T>& dy, const Line<T>& dx) {
  double sum = 0;
  for (int64_t k = 0; k < y.n; ++k) sum += dy[k];
  for (int64_t k = 0; k < y.n; ++k) dx[k] = dy[k] - std::exp(y[k]) * static_cast<T>(sum);
}

// f(line of x, line of the result) for every line.
template <class F>
Tensor map_lines(const char* op, const Axis& axis, const Tensor& x, F f) {
  Tensor out = Tensor::empty(x.shape(), x.dtype());
  dispatch_floating(x.dtype(), op, [&]<class T>() {
    const T* const from = x.data<T>();
    T* const to = out.mutable_data<T>();
    parallel_lines(axis, [&](int64_t at) {
      f(Line<const T>{from + at, axis.size, axis.inner}, Line<T>{to + at, axis.size, axis.inner});
    });
  });
  return out;
}

// f(line of y, line of dy, line of the result) for every line.
template <class F>
Tensor zip_lines(const char* op, const Axis& axis, const Tensor& y, const Tensor& dy, F f) {
  Tensor out = Tensor::empty(y.shape(), y.dtype());
  dispatch_floating(y.dtype(), op, [&]<class T>() {
    const T* const y_data = y.data<T>();
    const T* const dy_data = dy.data<T>();
    T* const to = out.mutable_data<T>();
    parallel_lines(axis, [&](int64_t at) {
      f(Line<const T>{y_data + at, axis.size, axis.inner}, Line<const T>{dy_data + at, axis.size, axis.inner},
        Line<T>{to + at, axis.size, axis.inner});
    });
  });
  return out;
}

}  // namespace

Tensor softmax(const Tensor& x, int dim) {
  struct SoftmaxNode final : Node {
    SavedTensor y;
    Axis axis;
    SoftmaxNode(const Tensor& y_, const Axis& axis_) : y(*this, y_), axis(axis_) {}

    std::vector<Tensor> backward(const Tensor& grad) override {
      return {zip_lines("softmax", axis, y.get(), grad, [](const auto&... lines) { softmax_backward_line(lines...); })};
    }
  };

  check_floating("softmax", x);
  const Axis axis = axis_of(x.shape(), normalize_dim("softmax", x.shape(), dim));
  const Tensor y = map_lines("softmax", axis, x, [](const auto&... lines) { softmax_line(lines...); });
  return record<SoftmaxNode>("softmax", y, {x}, y, axis);
}

Tensor log_softmax(const Tensor& x, int dim) {
  struct LogSoftmaxNode final : Node {
    SavedTensor y;
    Axis axis;
    LogSoftmaxNode(const Tensor& y_, const Axis& axis_) : y(*this, y_), axis(axis_) {}

    std::vector<Tensor> backward(const Tensor& grad) override {
      return {zip_lines("log_softmax", axis, y.get(), grad,
                        [](const auto&... lines) { log_softmax_backward_line(lines...); })};
    }
  };

  check_floating("log_softmax", x);
  const Axis axis = axis_of(x.shape(), normalize_dim("log_softmax", x.shape(), dim));
  const Tensor y = map_lines("log_softmax", axis, x, [](const auto&... lines) { log_softmax_line(lines...); });
  return record<LogSoftmaxNode>("log_softmax", y, {x}, y, axis);
}

}  // namespace gossamer
