// Rotary position embedding. Its gradient is the rotation back.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/dispatch.h"
#include "gossamer/ops/attention.h"
#include "ops/check.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "tensor/layout.h"

namespace gossamer {

namespace {

constexpr const char* kOp = "rotary_embedding";

// What turns the rows of one call: cos and sin of row p and pair i stand at p * pairs + i.
template <class T>
struct Rotation {
  std::vector<T> cos;
  std::vector<T> sin;
};

template <class T>
Rotation<T> make_rotation(int64_t t, int64_t pairs, const RotaryOptions& options, double direction) {
  Rotation<T> rotation;
  rotation.cos.resize(static_cast<size_t>(t * pairs));
  rotation.sin.resize(static_cast<size_t>(t * pairs));
  for (int64_t i = 0; i < pairs; ++i) {
    const double frequency = std::pow(options.base, -static_cast<double>(i) / static_cast<double>(pairs));
    for (int64_t p = 0; p < t; ++p) {
      const double angle = (static_cast<double>(options.first_position) + static_cast<double>(p)) * frequency;
      rotation.cos[static_cast<size_t>(p * pairs + i)] = static_cast<T>(std::cos(angle));
      rotation.sin[static_cast<size_t>(p * pairs + i)] = static_cast<T>(direction * std::sin(angle));
    }
  }
  return rotation;
}

// direction 1 turns, -1 turns back.
Tensor rotate(const Tensor& x, const RotaryOptions& options, double direction) {
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  if (x.numel() == 0) return y;
  const int64_t t = x.dim(-2);
  const int64_t heads = std::max<int64_t>(1, options.heads);
  const int64_t d = x.dim(-1) / heads;
  const int64_t pairs = d / 2;
  // The elements of pair i stand at first * i and first * i + second.
  const int64_t first = options.interleaved ? 2 : 1;
  const int64_t second = options.interleaved ? 1 : pairs;
  dispatch_floating(x.dtype(), kOp, [&]<class T>() {
    const Rotation<T> rotation = make_rotation<T>(t, pairs, options, direction);
    const T* const from = x.data<T>();
    T* const to = y.mutable_data<T>();
    const int64_t grain = rt::grain_of(x.dim(-1));
    rt::parallel_chunks(row_count(x.shape()), grain, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const T* const cos = rotation.cos.data() + row % t * pairs;
        const T* const sin = rotation.sin.data() + row % t * pairs;
        for (int64_t head = 0; head < heads; ++head) {
          const T* const in = from + (row * heads + head) * d;
          T* const out = to + (row * heads + head) * d;
          for (int64_t i = 0; i < pairs; ++i) {
            const T a = in[first * i];
            const T b = in[first * i + second];
            out[first * i] = a * cos[i] - b * sin[i];
            out[first * i + second] = a * sin[i] + b * cos[i];
          }
        }
      }
    });
  });
  return y;
}

}  // namespace

Tensor rotary_embedding(const Tensor& x, const RotaryOptions& options) {
  struct RotaryNode final : Node {
    RotaryOptions options;
    explicit RotaryNode(const RotaryOptions& options_) : options(options_) {}
    Gradients backward(const Tensor& grad) override { return {rotate(grad, options, -1)}; }
  };

  check_floating(kOp, x);
  if (options.first_position < 0 || options.heads < 0) {
    fail<ConfigError>(kOp, "first_position and heads must be at least 0",
                      fmt::format("{} and {}", options.first_position, options.heads));
  }
  if (!(options.base > 0) || !std::isfinite(options.base)) {
    fail<ConfigError>(kOp, "base must be above 0 and finite", fmt::format("{}", options.base));
  }
  const int64_t heads = std::max<int64_t>(1, options.heads);
  if (x.rank() < 2 || x.dim(-1) % heads != 0 || x.dim(-1) / heads % 2 != 0) {
    fail<ShapeError>(kOp, fmt::format("x must be [..., rows, size] with a size that is an even multiple of {}", heads),
                     x.shape().to_string());
  }
  return record<RotaryNode>(kOp, rotate(x, options, 1), {x}, options);
}

}  // namespace gossamer
