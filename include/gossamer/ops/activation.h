// Activation functions, elementwise, any shape, f32 or f64 (DTypeError).
#pragma once

#include <cstdint>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

// max(x, 0); NaN stays NaN. The gradient is selected where x > 0.
[[nodiscard]] Tensor relu(const Tensor& x);

[[nodiscard]] Tensor tanh(const Tensor& x);

// 1 / (1 + exp(-x))
[[nodiscard]] Tensor sigmoid(const Tensor& x);

// x sigmoid(x), also called swish. Elfwing et al. 2017, https://arxiv.org/abs/1702.03118
[[nodiscard]] Tensor silu(const Tensor& x);

enum class GeluApproximation {
  None,  // x times the normal distribution function
  Tanh,  // x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
};
struct GeluOptions {
  GeluApproximation approximate = GeluApproximation::None;
};
// Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415
[[nodiscard]] Tensor gelu(const Tensor& x, const GeluOptions& options = {});

struct LeakyReluOptions {
  double negative_slope = 0.01;  // finite (ConfigError)
};
// x where it is positive, else negative_slope x.
[[nodiscard]] Tensor leaky_relu(const Tensor& x, const LeakyReluOptions& options = {});

struct EluOptions {
  double alpha = 1;  // finite (ConfigError)
};
// x where it is positive, else alpha (exp(x) - 1). Clevert et al. 2015, https://arxiv.org/abs/1511.07289
[[nodiscard]] Tensor elu(const Tensor& x, const EluOptions& options = {});

// 1.0507 elu(x) with alpha 1.6733, the constants that keep mean 0 and variance 1 from layer to layer. Klambauer et al.
// 2017, https://arxiv.org/abs/1706.02515
[[nodiscard]] Tensor selu(const Tensor& x);

// x / 6 + 1/2 between 0 and 1, as torch.nn.functional.hardsigmoid.
[[nodiscard]] Tensor hardsigmoid(const Tensor& x);
// x hardsigmoid(x). Howard et al. 2019, https://arxiv.org/abs/1905.02244
[[nodiscard]] Tensor hardswish(const Tensor& x);

// x / (1 + |x|)
[[nodiscard]] Tensor softsign(const Tensor& x);

struct SoftplusOptions {
  double beta = 1;        // sharpness: finite and not 0 (ConfigError)
  double threshold = 20;  // where beta x is larger, the result is x
};
// log(1 + exp(beta x)) / beta, as torch.nn.functional.softplus.
[[nodiscard]] Tensor softplus(const Tensor& x, const SoftplusOptions& options = {});

// Zeroes each element with probability p in [0, 1) (ConfigError) and scales the others by 1 / (1 - p). Element i is
// kept or not as a function of (key, i). Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html
[[nodiscard]] Tensor dropout(const Tensor& x, double p, uint64_t key);

}  // namespace gossamer
#pragma GCC visibility pop
