#include "gossamer/sparse/itop.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "gossamer/random.h"
#include "runtime/check.h"

namespace gossamer::sparse {

namespace {

constexpr const char* kOp = "InTimeOverParameterization";
constexpr int64_t kExact = InTimeOverParameterization::kExactPositions;

// The bit of a position in a parameter of n.
uint64_t bit_of(int64_t position, int64_t n) {
  const auto p = static_cast<uint64_t>(position);
  return n <= kExact ? p : random_bits(0, p) % kExact;
}

}  // namespace

InTimeOverParameterization::InTimeOverParameterization(const std::vector<Parameter>& parameters) {
  for (const Parameter& p : parameters) {
    if (!p.defined()) fail<ConfigError>(kOp, "every parameter must be defined", "an undefined one");
    if (tracks(p)) fail<ConfigError>(kOp, "a parameter may be given once", fmt::format("'{}' twice", p.name()));
    histories_.push_back({p});
  }
  record();
}

void InTimeOverParameterization::record() {
  for (History& h : histories_) {
    const Parameter& p = h.parameter;
    if (h.all || h.seen_changes == p.last_change().changes) continue;
    const int64_t changes = p.last_change().changes;
    if (!p.is_csr() || p.pattern()->is_full()) {
      h.all = true;
      h.bits = {};
      h.seen_changes = changes;
      continue;
    }
    const int64_t n = p.numel();
    h.bits.resize(static_cast<size_t>((std::min(n, kExact) + 63) / 64));
    const int64_t cols = p.pattern()->cols();
    p.pattern()->for_each([&](const SlotPosition& at) {
      const uint64_t bit = bit_of(at.row * cols + at.col, n);
      h.bits[bit / 64] |= uint64_t{1} << (bit % 64);
    });
    h.seen_changes = changes;
  }
}

double InTimeOverParameterization::count(const History& history) {
  const auto n = static_cast<double>(history.parameter.numel());
  if (history.all) return n;
  double set = 0;
  for (const uint64_t word : history.bits) set += std::popcount(word);
  if (history.parameter.numel() <= kExact) return set;
  constexpr auto kBits = static_cast<double>(kExact);
  if (set == kBits) return n;
  return std::min(n, -kBits * std::log1p(-set / kBits));
}

const InTimeOverParameterization::History* InTimeOverParameterization::find(const Parameter& parameter) const {
  const auto found = std::ranges::find(histories_, parameter, &History::parameter);
  return found == histories_.end() ? nullptr : &*found;
}

const InTimeOverParameterization::History& InTimeOverParameterization::tracked(const Parameter& parameter) const {
  const History* history = find(parameter);
  if (history == nullptr) {
    fail<ConfigError>(kOp, "the parameter must be one of those tracked",
                      parameter.defined() ? fmt::format("'{}' is not", parameter.name()) : "an undefined parameter");
  }
  return *history;
}

double InTimeOverParameterization::num_explored(const Parameter& parameter) const { return count(tracked(parameter)); }

double InTimeOverParameterization::rate(const Parameter& parameter) const {
  const double explored = num_explored(parameter);
  return parameter.numel() == 0 ? 0 : explored / static_cast<double>(parameter.numel());
}

double InTimeOverParameterization::rate() const {
  double explored = 0;
  double positions = 0;
  for (const History& h : histories_) {
    explored += count(h);
    positions += static_cast<double>(h.parameter.numel());
  }
  return positions == 0 ? 0 : explored / positions;
}

}  // namespace gossamer::sparse
