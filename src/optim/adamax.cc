#include "gossamer/optim/adamax.h"

#include <algorithm>
#include <cmath>

#include "optim/elementwise.h"
#include "optim/options.h"

namespace gossamer::optim {

void AdamaxRule::check(const Options& options) { check_adam(kName, options); }

std::vector<std::string> AdamaxRule::state_names(const Options&) { return {"exp_avg", "exp_inf"}; }

void AdamaxRule::update(const Options& options, ParameterUpdate& update) noexcept {
  const double step_size = options.lr / (1 - std::pow(options.beta1, static_cast<double>(update.step)));
  update_elements<2>(kName, options.maximize, options.weight_decay, update, [&]<class T>() {
    return [step_size = static_cast<T>(step_size), beta1 = static_cast<T>(options.beta1),
            one_minus_beta1 = static_cast<T>(1 - options.beta1), beta2 = static_cast<T>(options.beta2),
            eps = static_cast<T>(options.eps)](T g, T& w, T& exp_avg, T& exp_inf) {
      exp_avg = beta1 * exp_avg + one_minus_beta1 * g;
      exp_inf = std::max(beta2 * exp_inf, std::abs(g) + eps);
      w -= step_size * exp_avg / exp_inf;
    };
  });
}

}  // namespace gossamer::optim
