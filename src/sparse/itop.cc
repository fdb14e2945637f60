#include "gossamer/sparse/itop.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "gossamer/random.h"
#include "optim/saved.h"
#include "runtime/check.h"
#include "tensor/state_reader.h"

namespace gossamer::sparse {

namespace {

constexpr const char* kOp = "InTimeOverParameterization";
constexpr int64_t kExact = InTimeOverParameterization::kExactPositions;

// The bit of a position in a parameter of n.
uint64_t bit_of(int64_t position, int64_t n) {
  const auto p = static_cast<uint64_t>(position);
  return n <= kExact ? p : random_bits(0, p) % kExact;
}

// Words of bits of a parameter of n positions, and which of the last one's are used.
int64_t num_words(int64_t n) { return (std::min(n, kExact) + 63) / 64; }
uint64_t used_of_last_word(int64_t n) {
  const int64_t rest = std::min(n, kExact) % 64;
  return rest == 0 ? ~uint64_t{0} : (uint64_t{1} << rest) - 1;
}

std::string key_of(const std::string& parameter) { return "explored." + parameter; }

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
    h.bits.resize(static_cast<size_t>(num_words(n)));
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

StateDict InTimeOverParameterization::state_dict() const {
  std::vector<Parameter> parameters;
  for (const History& h : histories_) parameters.push_back(h.parameter);
  const auto names = optim::unique_names("InTimeOverParameterization::state_dict", parameters);
  StateDict dict;
  for (size_t i = 0; i < histories_.size(); ++i) {
    const auto& bits = histories_[i].bits;
    Tensor words = Tensor::empty({static_cast<int64_t>(bits.size())}, DType::i64);
    std::ranges::transform(bits, words.mutable_data<int64_t>(), [](uint64_t w) { return static_cast<int64_t>(w); });
    dict[key_of(names[i])] = words;
  }
  return dict;
}

void InTimeOverParameterization::load_state_dict(const StateDict& dict) {
  StateReader reader(dict);
  std::vector<History> loaded = histories_;
  for (History& h : loaded) {
    const int64_t n = h.parameter.numel();
    const std::string key = key_of(h.parameter.name());
    const Tensor any = reader.find(key);
    h.all = n > 0 && any.defined() && any.numel() == 0;
    const Tensor words = reader.find(key, {h.all ? 0 : num_words(n)}, DType::i64);
    if (!words.defined()) continue;
    const auto span = words.span<int64_t>();
    h.bits.resize(span.size());
    std::ranges::transform(span, h.bits.begin(), [](int64_t word) { return static_cast<uint64_t>(word); });
    if (!h.bits.empty() && (h.bits.back() & ~used_of_last_word(n)) != 0) {
      reader.fault(key, fmt::format("bits of {} positions", n), "more");
    }
    h.seen_changes = -1;
  }
  reader.finish("InTimeOverParameterization::load_state_dict", "the dict must be that of these parameters",
                "give the parameters as they were saved");
  histories_ = std::move(loaded);
}

}  // namespace gossamer::sparse
