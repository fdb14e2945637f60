#include "gossamer/optim/adagrad.h"

#include <algorithm>
#include <cmath>

#include "optim/elementwise.h"
#include "optim/options.h"

namespace gossamer::optim {

void AdagradRule::check(const Options& options) {
  check_not_negative(kName, "lr", options.lr);
  check_not_negative(kName, "lr_decay", options.lr_decay);
  check_not_negative(kName, "weight_decay", options.weight_decay);
  check_not_negative(kName, "initial_accumulator_value", options.initial_accumulator_value);
  check_not_negative(kName, "eps", options.eps);
}

std::vector<std::string> AdagradRule::state_names(const Options&) { return {"sum"}; }

void AdagradRule::update(const Options& options, ParameterUpdate& update) noexcept {
  const double lr = options.lr / (1 + static_cast<double>(update.step - 1) * options.lr_decay);
  update_elements<1>(kName, options.maximize, options.weight_decay, update, [&]<class T>() {
    return [lr = static_cast<T>(lr), initial = static_cast<T>(options.initial_accumulator_value),
            eps = static_cast<T>(options.eps)](T g, T& w, T& sum) {
      sum = std::max(sum, initial) + g * g;
      w -= lr * g / (std::sqrt(sum) + eps);
    };
  });
}

}  // namespace gossamer::optim
