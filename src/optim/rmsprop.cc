#include "gossamer/optim/rmsprop.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "optim/options.h"
#include "runtime/parallel.h"
#include "tensor/dispatch.h"

namespace gossamer::optim {
namespace {

// One update of n weights in place; grad_avg is null unless centered, the momentum null without it.
template <class T>
void step(const RmspropOptions& options, int64_t n, const T* grad, T* w, T* square_avg, T* momentum, T* grad_avg) {
  const T sign = options.maximize ? T(-1) : T(1);
  const T weight_decay = static_cast<T>(options.weight_decay);
  const T alpha = static_cast<T>(options.alpha);
  const T one_minus_alpha = static_cast<T>(1 - options.alpha);
  const T eps = static_cast<T>(options.eps);
  const T decay = static_cast<T>(options.momentum);
  const T lr = static_cast<T>(options.lr);
  for (int64_t i = 0; i < n; ++i) {
    T g = sign * grad[i];
    if (weight_decay != 0) g += weight_decay * w[i];
    square_avg[i] = alpha * square_avg[i] + one_minus_alpha * g * g;
    T variance = square_avg[i];
    if (grad_avg != nullptr) {
      grad_avg[i] = alpha * grad_avg[i] + one_minus_alpha * g;
      variance -= grad_avg[i] * grad_avg[i];
      variance = variance < 0 ? 0 : variance;  // NaN stays NaN
    }
    T d = g / (std::sqrt(variance) + eps);
    if (momentum != nullptr) d = momentum[i] = decay * momentum[i] + d;
    w[i] -= lr * d;
  }
}

}  // namespace

void RmspropRule::check(const Options& options) {
  check_not_negative(kName, "lr", options.lr);
  check_decay(kName, "alpha", options.alpha);
  check_not_negative(kName, "eps", options.eps);
  check_not_negative(kName, "weight_decay", options.weight_decay);
  check_not_negative(kName, "momentum", options.momentum);
}

std::vector<std::string> RmspropRule::state_names(const Options& options) {
  std::vector<std::string> names = {"square_avg"};
  if (options.momentum > 0) names.emplace_back("momentum_buffer");
  if (options.centered) names.emplace_back("grad_avg");
  return names;
}

void RmspropRule::update(const Options& options, ParameterUpdate& update) noexcept {
  dispatch_floating(update.values.dtype(), kName, [&]<class T>() {
    size_t used = 0;
    const auto state = [&](bool kept) { return kept ? update.states[used++].mutable_data<T>() : nullptr; };
    T* const square_avg = state(true);
    T* const momentum = state(options.momentum > 0);
    T* const grad_avg = state(options.centered);
    const T* const grad = update.grad.data<T>();
    T* const w = update.values.mutable_data<T>();
    rt::parallel_chunks(update.values.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      const auto at = [&](T* array) { return array == nullptr ? nullptr : array + begin; };
      step(options, end - begin, grad + begin, w + begin, square_avg + begin, at(momentum), at(grad_avg));
    });
  });
}

}  // namespace gossamer::optim
