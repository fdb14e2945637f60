// Softmax and its logarithm along one dimension. Both gradients need the output alone.
#include <algorithm>
#include <array>
#include <cstdint>
#include <tuple>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/ops/normalization.h"
#include "kernels/softmax.h"
#include "ops/check.h"
#include "runtime/parallel.h"
#include "runtime/scratch.h"
#include "tensor/dispatch.h"

namespace gossamer {

namespace {

// Copies between a line of a tensor, `stride` elements apart, and contiguous scratch.
template <class T>
void gather(const T* line, int64_t n, int64_t stride, T* to) {
  for (int64_t k = 0; k < n; ++k) to[k] = line[k * stride];
}
template <class T>
void scatter(const T* from, int64_t n, int64_t stride, T* line) {
  for (int64_t k = 0; k < n; ++k) line[k * stride] = from[k];
}

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

// f(n, inputs..., out) for every line along the axis, contiguous: lines that are not are gathered and scattered.
template <class F, class... Inputs>
Tensor map_lines(const char* op, const Axis& axis, F f, const Tensor& x, const Inputs&... others) {
  Tensor out = Tensor::empty(x.shape(), x.dtype());
  if (axis.size == 0) return out;
  dispatch_floating(x.dtype(), op, [&]<class T>() {
    constexpr size_t kInputs = 1 + sizeof...(others);
    const std::array<const T*, kInputs> from{x.data<T>(), others.template data<T>()...};
    T* const to = out.mutable_data<T>();
    // An exponential costs about as much as eight loads.
    const int64_t grain = std::max<int64_t>(1, rt::kElementGrain / 8 / axis.size);
    rt::parallel_chunks(axis.outer * axis.inner, grain, [&](int64_t begin, int64_t end) {
      const int64_t lines = axis.inner == 1 ? 0 : static_cast<int64_t>(kInputs) + 1;
      const rt::Scratch scratch(lines * axis.size * static_cast<int64_t>(sizeof(T)));
      T* const buffer = reinterpret_cast<T*>(scratch.data());
      for (int64_t i = begin; i < end; ++i) {
        const int64_t at = i / axis.inner * axis.size * axis.inner + i % axis.inner;
        if (axis.inner == 1) {
          std::apply([&](auto... data) { f(axis.size, (data + at)..., to + at); }, from);
          continue;
        }
        std::array<const T*, kInputs> line{};
        for (size_t k = 0; k < kInputs; ++k) {
          T* const copy = buffer + static_cast<int64_t>(k) * axis.size;
          gather(from[k] + at, axis.size, axis.inner, copy);
          line[k] = copy;
        }
        T* const result = buffer + static_cast<int64_t>(kInputs) * axis.size;
        std::apply([&](auto... data) { f(axis.size, data..., result); }, line);
        scatter(result, axis.size, axis.inner, to + at);
      }
    });
  });
  return out;
}

template <class Rule>
Tensor normalize(const Tensor& x, int dim) {
  struct NormalizeNode final : Node {
    SavedTensor y;
    Axis axis;
    NormalizeNode(const Tensor& y_, const Axis& axis_) : y(*this, y_), axis(axis_) {}

    std::vector<Tensor> backward(const Tensor& grad) override {
      const auto rule = [](auto... line) { Rule::backward(line...); };
      return {map_lines(Rule::kOp, axis, rule, y.get(), grad)};
    }
  };

  check_floating(Rule::kOp, x);
  const Axis axis = axis_of(x.shape(), normalize_dim(Rule::kOp, x.shape(), dim));
  const auto rule = [](auto... line) { Rule::forward(line...); };
  const Tensor y = map_lines(Rule::kOp, axis, rule, x);
  return record<NormalizeNode>(Rule::kOp, y, {x}, y, axis);
}

}  // namespace

Tensor softmax(const Tensor& x, int dim) { return normalize<Softmax>(x, dim); }
Tensor log_softmax(const Tensor& x, int dim) { return normalize<LogSoftmax>(x, dim); }

}  // namespace gossamer
