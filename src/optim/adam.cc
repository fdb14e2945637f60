#include "gossamer/optim/adam.h"

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "gossamer/dispatch.h"
#include "kernels/update.h"
#include "optim/options.h"
#include "runtime/parallel.h"

namespace gossamer::optim {
namespace {

std::vector<std::string> adam_states(bool amsgrad) {
  if (amsgrad) return {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"};
  return {"exp_avg", "exp_avg_sq"};
}

// Options is AdamOptions or AdamWOptions: they differ in where the weight decay enters.
template <class Options>
void update_adam(std::string_view rule, const Options& options, ParameterUpdate& update) {
  constexpr bool kDecoupled = std::is_same_v<Options, AdamWOptions>;
  const auto step = static_cast<double>(update.step);
  dispatch_floating(update.values.dtype(), rule, [&]<class T>() {
    const kernels::AdamScalars<T> scalars{
        .one_minus_beta1 = static_cast<T>(1 - options.beta1),
        .beta2 = static_cast<T>(options.beta2),
        .one_minus_beta2 = static_cast<T>(1 - options.beta2),
        .step_size = static_cast<T>(options.lr / (1 - std::pow(options.beta1, step))),
        .bias_correction2_sqrt = static_cast<T>(std::sqrt(1 - std::pow(options.beta2, step))),
        .eps = static_cast<T>(options.eps),
        .weight_decay = static_cast<T>(kDecoupled ? 0 : options.weight_decay),
        .weight_multiplier = static_cast<T>(kDecoupled ? 1 - options.lr * options.weight_decay : 1),
        .maximize = options.maximize,
    };
    const T* grad = update.grad.data<T>();
    T* values = update.values.mutable_data<T>();
    T* exp_avg = update.states[0].mutable_data<T>();
    T* exp_avg_sq = update.states[1].mutable_data<T>();
    T* max_exp_avg_sq = options.amsgrad ? update.states[2].mutable_data<T>() : nullptr;
    rt::parallel_chunks(update.values.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      T* max_chunk = max_exp_avg_sq == nullptr ? nullptr : max_exp_avg_sq + begin;
      kernels::adam_step(scalars, end - begin, grad + begin, values + begin, exp_avg + begin, exp_avg_sq + begin,
                         max_chunk);
    });
  });
}

}  // namespace

void AdamRule::check(const Options& options) { check_adam(kName, options); }
std::vector<std::string> AdamRule::state_names(const Options& options) { return adam_states(options.amsgrad); }
void AdamRule::update(const Options& options, ParameterUpdate& update) noexcept { update_adam(kName, options, update); }

void AdamWRule::check(const Options& options) { check_adam(kName, options); }
std::vector<std::string> AdamWRule::state_names(const Options& options) { return adam_states(options.amsgrad); }
void AdamWRule::update(const Options& options, ParameterUpdate& update) noexcept {
  update_adam(kName, options, update);
}

}  // namespace gossamer::optim
