#include "gossamer/optim/rmsprop.h"

#include <cmath>
#include <cstddef>
#include <tuple>

#include "optim/elementwise.h"
#include "optim/options.h"

namespace gossamer::optim {
namespace {

// States: square_avg, then the momentum buffer and grad_avg where there are such.
template <bool kMomentum, bool kCentered>
void update_with(const RmspropOptions& options, ParameterUpdate& update) {
  constexpr size_t kStates = 1 + (kMomentum ? 1 : 0) + (kCentered ? 1 : 0);
  update_elements<kStates>(RmspropRule::kName, options.maximize, options.weight_decay, update, [&]<class T>() {
    return [alpha = static_cast<T>(options.alpha), one_minus_alpha = static_cast<T>(1 - options.alpha),
            eps = static_cast<T>(options.eps), decay = static_cast<T>(options.momentum),
            lr = static_cast<T>(options.lr)](T g, T& w, T& square_avg, auto&... others) {
      [[maybe_unused]] const auto other = std::tie(others...);
      [[maybe_unused]] const T momentum = decay;
      square_avg = alpha * square_avg + one_minus_alpha * g * g;
      T variance = square_avg;
      if constexpr (kCentered) {
        T& grad_avg = std::get<kStates - 2>(other);
        grad_avg = alpha * grad_avg + one_minus_alpha * g;
        variance -= grad_avg * grad_avg;
        variance = variance < 0 ? 0 : variance;  // NaN stays NaN
      }
      T d = g / (std::sqrt(variance) + eps);
      if constexpr (kMomentum) d = std::get<0>(other) = momentum * std::get<0>(other) + d;
      w -= lr * d;
    };
  });
}

}  // namespace

void RmspropRule::check(const Options& options) {
  check_not_negative(kName, "lr", options.lr);
  check_decay(kName, "alpha", options.alpha);
  check_not_negative(kName, "eps", options.eps);
  check_not_negative(kName, "weight_decay", options.weight_decay);
  check_not_negative(kName, "momentum", options.momentum);
}

std::vector<std::string> RmspropRule::state_names(const Options& options) {
  std::vector<std::string> names = {"square_avg"};
  if (options.momentum > 0) names.emplace_back("momentum_buffer");
  if (options.centered) names.emplace_back("grad_avg");
  return names;
}

void RmspropRule::update(const Options& options, ParameterUpdate& update) noexcept {
  if (options.momentum > 0) {
    options.centered ? update_with<true, true>(options, update) : update_with<true, false>(options, update);
  } else {
    options.centered ? update_with<false, true>(options, update) : update_with<false, false>(options, update);
  }
}

}  // namespace gossamer::optim
