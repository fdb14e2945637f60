#include "gossamer/optim/lion.h"

#include "optim/elementwise.h"
#include "optim/options.h"

namespace gossamer::optim {

void LionRule::check(const Options& options) {
  check_not_negative(kName, "lr", options.lr);
  check_decay(kName, "beta1", options.beta1);
  check_decay(kName, "beta2", options.beta2);
  check_not_negative(kName, "weight_decay", options.weight_decay);
}

std::vector<std::string> LionRule::state_names(const Options&) { return {"exp_avg"}; }

void LionRule::update(const Options& options, ParameterUpdate& update) noexcept {
  update_elements<1>(kName, options.maximize, 0, update, [&]<class T>() {
    return [lr = static_cast<T>(options.lr), kept = static_cast<T>(1 - options.lr * options.weight_decay),
            beta1 = static_cast<T>(options.beta1), one_minus_beta1 = static_cast<T>(1 - options.beta1),
            beta2 = static_cast<T>(options.beta2),
            one_minus_beta2 = static_cast<T>(1 - options.beta2)](T g, T& w, T& exp_avg) {
      w = kept * w - lr * sign_of(beta1 * exp_avg + one_minus_beta1 * g);
      exp_avg = beta2 * exp_avg + one_minus_beta2 * g;
    };
  });
}

}  // namespace gossamer::optim
