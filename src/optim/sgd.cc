#include "gossamer/optim/sgd.h"

#include <cmath>
#include <cstdint>

#include "gossamer/dispatch.h"
#include "kernels/update.h"
#include "optim/options.h"
#include "runtime/parallel.h"

namespace gossamer::optim {

void SgdRule::check(const Options& options) {
  check_not_negative(kName, "lr", options.lr);
  check_not_negative(kName, "momentum", options.momentum);
  check_not_negative(kName, "weight_decay", options.weight_decay);
  if (!std::isfinite(options.dampening)) {
    fail<ConfigError>(kName, "dampening must be finite", fmt::format("{}", options.dampening));
  }
  if (options.nesterov && (options.momentum == 0 || options.dampening != 0)) {
    fail<ConfigError>(kName, "nesterov needs momentum above 0 and dampening 0",
                      fmt::format("momentum {} and dampening {}", options.momentum, options.dampening));
  }
}

std::vector<std::string> SgdRule::state_names(const Options& options) {
  if (options.momentum == 0) return {};
  return {"momentum_buffer"};
}

void SgdRule::update(const Options& options, ParameterUpdate& update) noexcept {
  dispatch_floating(update.values.dtype(), kName, [&]<class T>() {
    const kernels::SgdScalars<T> scalars{
        .lr = static_cast<T>(options.lr),
        .weight_decay = static_cast<T>(options.weight_decay),
        .momentum = static_cast<T>(options.momentum),
        .one_minus_dampening = static_cast<T>(1 - options.dampening),
        .nesterov = options.nesterov,
        .first_step = update.step == 1,
        .maximize = options.maximize,
    };
    const T* grad = update.grad.data<T>();
    T* values = update.values.mutable_data<T>();
    T* buffer = update.states.empty() ? nullptr : update.states[0].mutable_data<T>();
    rt::parallel_chunks(update.values.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      T* chunk_of_buffer = buffer == nullptr ? nullptr : buffer + begin;
      kernels::sgd_step(scalars, end - begin, grad + begin, values + begin, chunk_of_buffer);
    });
  });
}

}  // namespace gossamer::optim
