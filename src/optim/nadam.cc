#include "gossamer/optim/nadam.h"

#include <cmath>
#include <cstdint>

#include "optim/elementwise.h"
#include "optim/options.h"

namespace gossamer::optim {
namespace {

// mu_t of the docstring.
double momentum(const NAdamOptions& options, int64_t t) {
  return options.beta1 * (1 - 0.5 * std::pow(0.96, static_cast<double>(t) * options.momentum_decay));
}

}  // namespace

void NAdamRule::check(const Options& options) {
  check_adam(kName, options);
  check_not_negative(kName, "momentum_decay", options.momentum_decay);
}

std::vector<std::string> NAdamRule::state_names(const Options&) { return {"exp_avg", "exp_avg_sq"}; }

void NAdamRule::update(const Options& options, ParameterUpdate& update) noexcept {
  const double mu = momentum(options, update.step);
  const double next_mu = momentum(options, update.step + 1);
  double product = 1;
  // From 2^-54 on, 1 - product is 1.
  for (int64_t t = 1; t <= update.step && product > 0x1p-54; ++t) product *= momentum(options, t);
  const double of_grad = options.lr * (1 - mu) / (1 - product);
  const double of_exp_avg = options.lr * next_mu / (1 - product * mu * next_mu);
  const double correction = 1 - std::pow(options.beta2, static_cast<double>(update.step));
  update_elements<2>(kName, options.maximize, options.weight_decay, update, [&]<class T>() {
    return [beta1 = static_cast<T>(options.beta1), one_minus_beta1 = static_cast<T>(1 - options.beta1),
            beta2 = static_cast<T>(options.beta2), one_minus_beta2 = static_cast<T>(1 - options.beta2),
            of_grad = static_cast<T>(of_grad), of_exp_avg = static_cast<T>(of_exp_avg),
            correction = static_cast<T>(correction),
            eps = static_cast<T>(options.eps)](T g, T& w, T& exp_avg, T& exp_avg_sq) {
      exp_avg = beta1 * exp_avg + one_minus_beta1 * g;
      exp_avg_sq = beta2 * exp_avg_sq + one_minus_beta2 * g * g;
      w -= (of_grad * g + of_exp_avg * exp_avg) / (std::sqrt(exp_avg_sq / correction) + eps);
    };
  });
}

}  // namespace gossamer::optim
