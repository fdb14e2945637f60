#include "gossamer/optim/radam.h"

#include <cmath>

#include "optim/elementwise.h"
#include "optim/options.h"

namespace gossamer::optim {

void RAdamRule::check(const Options& options) { check_adam(kName, options); }

std::vector<std::string> RAdamRule::state_names(const Options&) { return {"exp_avg", "exp_avg_sq"}; }

void RAdamRule::update(const Options& options, ParameterUpdate& update) noexcept {
  const auto t = static_cast<double>(update.step);
  const double beta2_t = std::pow(options.beta2, t);
  const double r_inf = 2 / (1 - options.beta2) - 1;
  const double r = r_inf - 2 * t * beta2_t / (1 - beta2_t);
  const bool adaptive = r > 5;
  double step_size = options.lr / (1 - std::pow(options.beta1, t));
  if (adaptive) {
    step_size *= std::sqrt((1 - beta2_t) * (r - 4) * (r - 2) * r_inf / ((r_inf - 4) * (r_inf - 2) * r));
  }
  update_elements<2>(kName, options.maximize, options.weight_decay, update, [&]<class T>() {
    return [adaptive, step_size = static_cast<T>(step_size), beta1 = static_cast<T>(options.beta1),
            one_minus_beta1 = static_cast<T>(1 - options.beta1), beta2 = static_cast<T>(options.beta2),
            one_minus_beta2 = static_cast<T>(1 - options.beta2),
            eps = static_cast<T>(options.eps)](T g, T& w, T& exp_avg, T& exp_avg_sq) {
      exp_avg = beta1 * exp_avg + one_minus_beta1 * g;
      exp_avg_sq = beta2 * exp_avg_sq + one_minus_beta2 * g * g;
      w -= step_size * (adaptive ? exp_avg / (std::sqrt(exp_avg_sq) + eps) : exp_avg);
    };
  });
}

}  // namespace gossamer::optim
