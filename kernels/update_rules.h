// Scalars of one optimizer step, computed by the caller in double and rounded once. T is float or double.
#pragma once

namespace gossamer::kernels {

// SGD as torch.optim.SGD: g = ±grad + weight_decay * w; buf = momentum * buf + (1 - dampening) * g; w -= lr * d, where
// d is g without momentum, buf with it, and g + momentum * buf with Nesterov's.
template <typename T>
struct SgdScalars {
  T lr = T(0);
  T weight_decay = T(0);         // L2: added to the gradient
  T momentum = T(0);             // read when there is a momentum buffer
  T one_minus_dampening = T(1);  // weight of the gradient in the buffer
  bool nesterov = false;
  bool first_step = false;  // the buffer is not read but set to g
  bool maximize = false;    // flips the sign of the gradient
};

// Adam and AdamW as in torch.optim: m += (1 - beta1) * (g - m); v = beta2 * v + (1 - beta2) * g²;
// w -= step_size * m / (sqrt(v) / bias_correction2_sqrt + eps).
template <typename T>
struct AdamScalars {
  T one_minus_beta1 = T(0.1);
  T beta2 = T(0.999);
  T one_minus_beta2 = T(0.001);
  T step_size = T(0);              // lr / (1 - beta1^step)
  T bias_correction2_sqrt = T(1);  // sqrt(1 - beta2^step)
  T eps = T(1e-8);
  T weight_decay = T(0);       // L2: added to the gradient
  T weight_multiplier = T(1);  // decoupled decay: the weight is scaled by 1 - lr * weight_decay before the update
  bool maximize = false;       // flips the sign of the gradient
};

}  // namespace gossamer::kernels
