// The loop that elementwise rules share. The compiler vectorizes it for the baseline of the platform, which suffices:
// docs/benchmarks.md, "Against PyTorch".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "gossamer/dispatch.h"
#include "gossamer/optim/optimizer.h"
#include "runtime/parallel.h"

namespace gossamer::optim {

// All by value: what f holds is then no memory that a write to w could change, and the loop vectorizes.
template <class T, class F, size_t... k>
void update_range(F f, T sign, T decay, int64_t n, const T* grad, T* w, std::array<T*, sizeof...(k)> states,
                  std::index_sequence<k...>) {
  for (int64_t i = 0; i < n; ++i) {
    T g = sign * grad[i];
    if (decay != 0) g += decay * w[i];
    f(g, w[i], states[k][i]...);
  }
}

// make<T>(), called once for the dtype T of the parameter, returns what is then called for every element as
// f(g, w, states...): g is the gradient, negated with `maximize`, plus l2 * w; f writes w and the first kStates states.
template <size_t kStates, class Make>
void update_elements(std::string_view rule, bool maximize, double l2, ParameterUpdate& update, Make make) {
  dispatch_floating(update.values.dtype(), rule, [&]<class T>() {
    const auto f = make.template operator()<T>();
    const T sign = maximize ? T(-1) : T(1);
    const T decay = static_cast<T>(l2);
    const T* const grad = update.grad.data<T>();
    T* const w = update.values.mutable_data<T>();
    std::array<T*, kStates> states;
    for (size_t k = 0; k < kStates; ++k) states[k] = update.states[k].mutable_data<T>();
    rt::parallel_chunks(update.values.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      std::array<T*, kStates> chunk = states;
      for (T*& state : chunk) state += begin;
      update_range(f, sign, decay, end - begin, grad + begin, w + begin, chunk, std::make_index_sequence<kStates>());
    });
  });
}

// -1, 0 or 1; NaN stays NaN.
template <class T>
T sign_of(T x) {
  if (x > 0) return 1;
  return x < 0 ? T(-1) : x;
}

}  // namespace gossamer::optim
