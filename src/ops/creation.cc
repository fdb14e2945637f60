// Tensors made of numbers.
#include "gossamer/ops/creation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "gossamer/dispatch.h"
#include "ops/check.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "tensor/convert.h"

namespace gossamer {

Tensor arange(const ArangeOptions& options) {
  constexpr const char* kOp = "arange";
  const auto given = [&] { return fmt::format("from {} to {} by {}", options.start, options.end, options.step); };
  if (options.dtype == DType::boolean) fail<DTypeError>(kOp, "dtype must be a number's", "bool");
  if (!std::isfinite(options.start) || !std::isfinite(options.end) || !std::isfinite(options.step) ||
      options.step == 0) {
    fail<ConfigError>(kOp, "start, end and step must be finite, and step not 0", given());
  }
  if (!is_floating(options.dtype) &&
      (options.start != std::trunc(options.start) || options.step != std::trunc(options.step))) {
    fail<ConfigError>(kOp, "start and step of integers must be whole", given());
  }
  const double count = std::max(0.0, std::ceil((options.end - options.start) / options.step));
  constexpr double kMost = 0x1p53;
  if (!(count < kMost)) fail<ShapeError>(kOp, "there must be fewer than 2^53 elements", given());
  Tensor out = Tensor::empty({static_cast<int64_t>(count)}, options.dtype);
  dispatch_all(options.dtype, [&]<class T>() {
    T* const to = out.mutable_data<T>();
    rt::parallel_chunks(out.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        to[i] = convert<T>(options.start + static_cast<double>(i) * options.step);
      }
    });
  });
  return out;
}

Tensor zeros_like(const Tensor& x) {
  check_defined("zeros_like", x);
  return Tensor::zeros(x.shape(), x.dtype());
}

Tensor ones_like(const Tensor& x) {
  check_defined("ones_like", x);
  return Tensor::ones(x.shape(), x.dtype());
}

Tensor full_like(const Tensor& x, double value) {
  check_defined("full_like", x);
  return Tensor::full(x.shape(), value, x.dtype());
}

}  // namespace gossamer
