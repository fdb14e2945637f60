// The loop that elementwise rules share.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "gossamer/optim/optimizer.h"
#include "runtime/parallel.h"
#include "tensor/dispatch.h"

namespace gossamer::optim {

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
    const auto update_range = [=]<size_t... k>(int64_t begin, int64_t end, std::index_sequence<k...>) {
      for (int64_t i = begin; i < end; ++i) {
        T g = sign * grad[i];
        if (decay != 0) g += decay * w[i];
        f(g, w[i], states[k][i]...);
      }
    };
    rt::parallel_chunks(update.values.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      update_range(begin, end, std::make_index_sequence<kStates>());
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
