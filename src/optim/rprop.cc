#include "gossamer/optim/rprop.h"

#include <algorithm>
#include <cmath>

#include "optim/elementwise.h"
#include "optim/options.h"

namespace gossamer::optim {

void RpropRule::check(const Options& options) {
  check_not_negative(kName, "lr", options.lr);
  if (!(options.eta_minus > 0 && options.eta_minus < 1 && options.eta_plus > 1 && std::isfinite(options.eta_plus))) {
    fail<ConfigError>(kName, "eta_minus must be in (0, 1), eta_plus finite and above 1",
                      fmt::format("{} and {}", options.eta_minus, options.eta_plus));
  }
  if (!(options.step_min > 0 && options.step_min <= options.step_max && std::isfinite(options.step_max))) {
    fail<ConfigError>(kName, "0 < step_min <= step_max must hold, both finite",
                      fmt::format("{} and {}", options.step_min, options.step_max));
  }
}

std::vector<std::string> RpropRule::state_names(const Options&) { return {"prev", "step_size"}; }

void RpropRule::update(const Options& options, ParameterUpdate& update) noexcept {
  update_elements<2>(kName, options.maximize, 0, update, [&]<class T>() {
    return [lr = static_cast<T>(options.lr), eta_minus = static_cast<T>(options.eta_minus),
            eta_plus = static_cast<T>(options.eta_plus), step_min = static_cast<T>(options.step_min),
            step_max = static_cast<T>(options.step_max)](T g, T& w, T& prev, T& step_size) {
      const T change = sign_of(g) * sign_of(prev);
      if (step_size == 0) step_size = lr;
      if (change > 0) step_size *= eta_plus;
      if (change < 0) step_size *= eta_minus;
      step_size = std::clamp(step_size, step_min, step_max);
      prev = change < 0 ? T(0) : g;
      w -= sign_of(prev) * step_size;
    };
  });
}

}  // namespace gossamer::optim
