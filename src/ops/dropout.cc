// Dropout. The mask is a function of the key: backward draws it again instead of keeping it.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/dispatch.h"
#include "gossamer/ops/activation.h"
#include "gossamer/random.h"
#include "ops/check.h"
#include "runtime/check.h"
#include "runtime/parallel.h"

namespace gossamer {

namespace {

constexpr const char* kOp = "dropout";

// Element i depends on word i % 4 of block i / 4 of the stream, and is dropped where that is below p 2^32.
Tensor drop(const Tensor& x, double p, uint64_t key) {
  Tensor out = Tensor::empty(x.shape(), x.dtype());
  const auto threshold = static_cast<uint32_t>(p * 0x1.0p32);
  const std::array<uint32_t, 2> philox_key{static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)};
  dispatch_floating(x.dtype(), kOp, [&]<class T>() {
    const T* const from = x.data<T>();
    T* const to = out.mutable_data<T>();
    const T scale = static_cast<T>(1 / (1 - p));
    static_assert(rt::kElementGrain % 4 == 0, "chunks must begin with a block");
    rt::parallel_chunks(x.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i += 4) {
        const auto block = static_cast<uint64_t>(i / 4);
        const auto words =
            philox4x32({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0}, philox_key);
        const int64_t n = std::min<int64_t>(4, end - i);
        for (int64_t j = 0; j < n; ++j) {
          to[i + j] = words[static_cast<size_t>(j)] < threshold ? T(0) : from[i + j] * scale;
        }
      }
    });
  });
  return out;
}

}  // namespace

Tensor dropout(const Tensor& x, double p, uint64_t key) {
  struct DropoutNode final : Node {
    double p;
    uint64_t key;
    DropoutNode(double p_, uint64_t key_) : p(p_), key(key_) {}
    Gradients backward(const Tensor& grad) override { return {drop(grad, p, key)}; }
  };

  check_floating(kOp, x);
  // Negated, so that NaN is refused too.
  if (!(p >= 0 && p < 1)) fail<ConfigError>(kOp, "0 <= p < 1 must hold", fmt::format("p = {}", p));
  return record<DropoutNode>(kOp, drop(x, p, key), {x}, p, key);
}

}  // namespace gossamer
