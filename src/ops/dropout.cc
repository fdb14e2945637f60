// Dropout. The mask is a function of the key: backward draws it again instead of keeping it.
#include <fmt/format.h>

#include <cstdint>
#include <type_traits>

#include "gossamer/autograd.h"
#include "gossamer/dispatch.h"
#include "gossamer/ops/activation.h"
#include "kernels/dropout.h"
#include "kernels/reference/dropout.h"
#include "ops/check.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "tensor/layout.h"

namespace gossamer {

namespace {

constexpr const char* kOp = "dropout";

// Of tiles a lane is a row: its draws are whole blocks where the last size is a multiple of four. Others become rows.
Layout layout_of(const Tensor& x) {
  return x.shape().rank() > 0 && x.shape().back() % 4 == 0 ? Layout::of(x) : Layout::rows();
}

void drop_tiles(const kernels::DropoutMask& mask, float scale, const ConstBatch<float>& from, const Batch<float>& to) {
  const int64_t size = from.features * from.width;
  rt::parallel_chunks(from.tiles(from.width), rt::grain_of(size), [&](int64_t begin, int64_t end) {
    for (int64_t tile = begin; tile < end; ++tile) {
      kernels::dropout_tile(mask, static_cast<uint64_t>(tile * size), from.features, from.width, scale,
                            from.data + tile * size, to.data + tile * size);
    }
  });
}

Tensor drop(const Tensor& x, double p, uint64_t key) {
  const Layout layout = layout_of(x);
  Tensor out = layout.empty(x.shape(), x.dtype());
  const kernels::DropoutMask mask{key, static_cast<uint32_t>(p * 0x1.0p32)};
  dispatch_floating(x.dtype(), kOp, [&]<class T>() {
    const T scale = static_cast<T>(1 / (1 - p));
    if constexpr (std::is_same_v<T, float>) {
      if (layout.is_tiled()) return drop_tiles(mask, scale, layout.read<T>(x), layout.write<T>(out));
    }
    const T* const from = x.data<T>();
    T* const to = out.mutable_data<T>();
    static_assert(rt::kElementGrain % 4 == 0, "chunks must begin with a block");
    rt::parallel_chunks(x.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      if constexpr (std::is_same_v<T, float>) {
        kernels::dropout_row(mask, static_cast<uint64_t>(begin), end - begin, scale, from + begin, to + begin);
      } else {
        kernels::reference::dropout_row(mask, static_cast<uint64_t>(begin), end - begin, scale, from + begin,
                                        to + begin);
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
