// Softmax and its logarithm along one dimension. Both gradients need the output alone.
#include <algorithm>
#include <array>
#include <cstdint>
#include <tuple>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/dispatch.h"
#include "gossamer/ops/normalization.h"
#include "gossamer/ops/shape.h"
#include "kernels/softmax.h"
#include "ops/check.h"
#include "ops/softmax_columns.h"
#include "runtime/parallel.h"

namespace gossamer {

namespace {

// The rules for one line: y = forward(x), and dx = backward(y, dy), which does not need x.
struct Softmax {
  static constexpr const char* kOp = "softmax";
  static void forward(auto... line) { kernels::softmax(line...); }
  static void backward(auto... line) { kernels::softmax_grad(line...); }
};

struct LogSoftmax {
  static constexpr const char* kOp = "log_softmax";
  static void forward(auto... line) { kernels::log_softmax(line...); }
  static void backward(auto... line) { kernels::log_softmax_grad(line...); }
};

constexpr int64_t kFewColumns = 16;

// line(n, inputs..., out) for every line along the axis where it is the last, else columns(block of lines, inputs...,
// out). Few columns do not pay for a call each row: they are turned into lines.
template <class Line, class Columns, class... Inputs>
Tensor map_lines(const char* op, const Axis& axis, Line line, Columns columns, const Inputs&... inputs) {
  const Tensor& x = std::get<0>(std::tie(inputs...));
  Tensor out = Tensor::empty(x.shape(), x.dtype());
  if (out.numel() == 0) return out;
  if (axis.inner > 1 && axis.inner < kFewColumns) {
    const auto turned = [](const Tensor& t, const Shape& shape) { return transpose(t.alias(shape), 1, 2); };
    const Shape shape{axis.outer, axis.size, axis.inner};
    const Axis last{axis.outer * axis.inner, axis.size, 1};
    const Tensor lines = map_lines(op, last, line, columns, turned(inputs, shape)...);
    return turned(lines, {axis.outer, axis.inner, axis.size}).alias(x.shape());
  }
  dispatch_floating(x.dtype(), op, [&]<class T>() {
    const std::array<const T*, sizeof...(inputs)> from{inputs.template data<T>()...};
    T* const to = out.mutable_data<T>();
    if (axis.inner > 1) {
      std::apply([&](auto... data) { softmax_columns::for_blocks(axis, columns, to, data...); }, from);
      return;
    }
    // An exponential costs about as much as eight loads.
    const int64_t grain = rt::grain_of(axis.size, 8);
    rt::parallel_chunks(axis.outer, grain, [&](int64_t begin, int64_t end) {
      for (int64_t at = begin * axis.size; at < end * axis.size; at += axis.size) {
        std::apply([&](auto... data) { line(axis.size, (data + at)..., to + at); }, from);
      }
    });
  });
  return out;
}

// By Rule on contiguous lines, and by Columns (ops/softmax_columns.h) on others.
template <class Rule, class Columns>
Tensor normalize(const Tensor& x, int dim) {
  struct NormalizeNode final : Node {
    SavedTensor y;
    Axis axis;
    NormalizeNode(const Tensor& y_, const Axis& axis_) : y(*this, y_), axis(axis_) {}

    Gradients backward(const Tensor& grad) override {
      const auto line = [](auto... data) { Rule::backward(data...); };
      const auto columns = [](auto... data) { Columns::backward(data...); };
      return {map_lines(Rule::kOp, axis, line, columns, y.get(), grad)};
    }
  };

  check_floating(Rule::kOp, x);
  const Axis axis = axis_of(x.shape(), normalize_dim(Rule::kOp, x.shape(), dim));
  const auto line = [](auto... data) { Rule::forward(data...); };
  const auto columns = [](auto... data) { Columns::forward(data...); };
  const Tensor y = map_lines(Rule::kOp, axis, line, columns, x);
  return record<NormalizeNode>(Rule::kOp, y, {x}, y, axis);
}

}  // namespace

Tensor softmax(const Tensor& x, int dim) { return normalize<Softmax, softmax_columns::Softmax>(x, dim); }
Tensor log_softmax(const Tensor& x, int dim) { return normalize<LogSoftmax, softmax_columns::LogSoftmax>(x, dim); }

}  // namespace gossamer
