#include "sparse/settings/shares.h"

#include <fmt/format.h>

#include <vector>

#include "runtime/check.h"

namespace gossamer::sparse {

namespace {

std::vector<double> values_named(const Schedule& s) {
  if (const auto* constant = s.get_if<schedule::Constant>()) return {constant->value};
  if (const auto* linear = s.get_if<schedule::Linear>()) return {linear->init};
  if (const auto* exp = s.get_if<schedule::Exp>()) return {exp->init};
  if (const auto* power = s.get_if<schedule::Power>()) return {power->init};
  if (const auto* cosine = s.get_if<schedule::Cosine>()) return {cosine->init, cosine->minimum};
  if (const auto* cycling = s.get_if<schedule::Cycling>()) return cycling->values;
  if (const auto* cubic = s.get_if<schedule::Cubic>()) return {cubic->init, cubic->final};
  return {};
}

}  // namespace

void check_drop_fraction(const std::string& op, const Schedule& drop_fraction) {
  for (const double value : values_named(drop_fraction)) {
    if (!(value >= 0 && value <= 1))
      fail<ConfigError>(op, "drop_fraction must be from 0 to 1", fmt::format("{}", value));
  }
}

void check_sparsity(const std::string& op, std::string_view what, const Sparsity& sparsity) {
  sparsity.for_each([&](const Schedule& s) {
    if (s.is_constant()) {
      if (const float value = s.at({}); !(value >= 0 && value < 1)) {
        fail<ConfigError>(op, fmt::format("{} must be at least 0 and below 1", what), fmt::format("{}", value),
                          remedy_of_share(value));
      }
      return;
    }
    // A line may begin below 0, to be dense for a while.
    const bool is_line = s.get_if<schedule::Linear>() != nullptr;
    for (const double value : values_named(s)) {
      if (value <= 1 && (value >= 0 || is_line)) continue;
      fail<ConfigError>(op, fmt::format("{} must be from 0 to 1", what), fmt::format("{}", value),
                        remedy_of_share(value));
    }
  });
}

}  // namespace gossamer::sparse
