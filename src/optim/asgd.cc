#include "gossamer/optim/asgd.h"

#include <algorithm>
#include <cmath>

#include "optim/elementwise.h"
#include "optim/options.h"

namespace gossamer::optim {

void AsgdRule::check(const Options& options) {
  check_not_negative(kName, "lr", options.lr);
  check_not_negative(kName, "lambd", options.lambd);
  check_not_negative(kName, "alpha", options.alpha);
  check_not_negative(kName, "t0", options.t0);
  check_not_negative(kName, "weight_decay", options.weight_decay);
}

std::vector<std::string> AsgdRule::state_names(const Options&) { return {"ax"}; }

void AsgdRule::update(const Options& options, ParameterUpdate& update) noexcept {
  const auto t = static_cast<double>(update.step);
  const double eta = options.lr / std::pow(1 + options.lambd * options.lr * (t - 1), options.alpha);
  const double mu = 1 / std::max(1.0, t - 1 - options.t0);
  update_elements<1>(kName, options.maximize, options.weight_decay, update, [&]<class T>() {
    return [eta = static_cast<T>(eta), kept = static_cast<T>(1 - options.lambd * eta), mu = static_cast<T>(mu)](
               T g, T& w, T& ax) {
      w = kept * w - eta * g;
      ax = mu == 1 ? w : ax + mu * (w - ax);
    };
  });
}

}  // namespace gossamer::optim
