#include "gossamer/optim/adadelta.h"

#include <cmath>

#include "optim/elementwise.h"
#include "optim/options.h"

namespace gossamer::optim {

void AdadeltaRule::check(const Options& options) {
  check_not_negative(kName, "lr", options.lr);
  check_decay(kName, "rho", options.rho);
  check_not_negative(kName, "eps", options.eps);
  check_not_negative(kName, "weight_decay", options.weight_decay);
}

std::vector<std::string> AdadeltaRule::state_names(const Options&) { return {"square_avg", "acc_delta"}; }

void AdadeltaRule::update(const Options& options, ParameterUpdate& update) noexcept {
  update_elements<2>(kName, options.maximize, options.weight_decay, update, [&]<class T>() {
    return [lr = static_cast<T>(options.lr), rho = static_cast<T>(options.rho),
            one_minus_rho = static_cast<T>(1 - options.rho),
            eps = static_cast<T>(options.eps)](T g, T& w, T& square_avg, T& acc_delta) {
      square_avg = rho * square_avg + one_minus_rho * g * g;
      const T d = std::sqrt(acc_delta + eps) / std::sqrt(square_avg + eps) * g;
      acc_delta = rho * acc_delta + one_minus_rho * d * d;
      w -= lr * d;
    };
  });
}

}  // namespace gossamer::optim
