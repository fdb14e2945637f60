#include "gossamer/optim/ema.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>

#include "gossamer/dispatch.h"
#include "optim/saved.h"
#include "parameter/access.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "tensor/arith.h"
#include "tensor/state_reader.h"

namespace gossamer::optim {

namespace {

constexpr const char* kOp = "ExponentialMovingAverage";

std::string average_key(const std::string& parameter) { return "average." + parameter; }
std::string pattern_key(const std::string& parameter) { return average_key(parameter) + ".pattern"; }
constexpr const char* kUpdatesKey = "updates";

}  // namespace

ExponentialMovingAverage::ExponentialMovingAverage(std::vector<Parameter> params, const EmaOptions& options)
    : options_(options), params_(std::move(params)) {
  if (!(options.decay >= 0 && options.decay <= 1)) {
    fail<ConfigError>(kOp, "decay must be in [0, 1]", fmt::format("{}", options.decay));
  }
  if (params_.empty()) fail<ConfigError>(kOp, "there must be parameters", "an empty list", "pass model.parameters()");
  std::unordered_set<const void*> seen;
  for (size_t i = 0; i < params_.size(); ++i) {
    if (!params_[i].defined()) {
      fail<ConfigError>(kOp, "every parameter must be defined", fmt::format("number {} is not", i));
    }
    if (!seen.insert(params_[i].id()).second) {
      fail<ConfigError>(kOp, "a parameter may be given once", fmt::format("{} comes again", label(params_[i])));
    }
  }
  for (const Parameter& p : params_) {
    averages_.push_back(ParameterAccess::make_slot_array(p));
    averages_.back()->data.copy_from(p.values());
  }
}

void ExponentialMovingAverage::check_not_swapped(const char* op) const {
  if (swapped_) fail<StateError>(op, "the weights must be in their place", "the averages are", "call swap() before");
}

void ExponentialMovingAverage::update() {
  check_not_swapped("ExponentialMovingAverage::update");
  const auto t = static_cast<double>(updates_);
  const double decay = options_.warm_up ? std::min(options_.decay, (1 + t) / (10 + t)) : options_.decay;
  for (const Parameter& p : params_) p.validate();
  for (size_t i = 0; i < params_.size(); ++i) {
    const Tensor values = params_[i].values();
    Tensor& average = averages_[i]->data;
    dispatch_floating(values.dtype(), kOp, [&]<class T>() {
      const T* const v = values.data<T>();
      T* const a = average.mutable_data<T>();
      const auto share = static_cast<T>(1 - decay);
      rt::parallel_chunks(values.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k) a[k] += share * (v[k] - a[k]);
      });
    });
  }
  ++updates_;
}

void ExponentialMovingAverage::swap() {
  for (const Parameter& p : params_) {
    p.validate();
    make_rows(p.values());
  }
  for (size_t i = 0; i < params_.size(); ++i) {
    Tensor values = params_[i].values();
    dispatch_floating(values.dtype(), kOp, [&]<class T>() {
      T* const v = values.mutable_data<T>();
      std::swap_ranges(v, v + values.numel(), averages_[i]->data.mutable_data<T>());
    });
  }
  swapped_ = !swapped_;
}

Tensor ExponentialMovingAverage::average(const Parameter& parameter) const {
  const auto found = std::ranges::find(params_, parameter);
  if (found == params_.end()) {
    fail<StateError>("ExponentialMovingAverage::average", "the parameter must be one of params()",
                     parameter.defined() ? label(parameter) + " is not" : "an undefined parameter");
  }
  const Tensor& data = averages_[static_cast<size_t>(found - params_.begin())]->data;
  return parameter.is_csr() ? parameter.pattern()->dense(data).alias(parameter.shape()) : data.clone();
}

int64_t ExponentialMovingAverage::bytes() const {
  int64_t bytes = 0;
  for (const auto& average : averages_) bytes += average->data.bytes();
  return bytes;
}

StateDict ExponentialMovingAverage::state_dict() const {
  constexpr const char* kName = "ExponentialMovingAverage::state_dict";
  check_not_swapped(kName);
  const std::vector<std::string> names = unique_names(kName, params_);
  StateDict dict;
  for (size_t i = 0; i < params_.size(); ++i) {
    const Tensor& data = averages_[i]->data;
    const auto& pattern = params_[i].pattern();
    dict[average_key(names[i])] = pattern ? pattern->to_canonical(data) : data.clone();
    if (pattern) dict[pattern_key(names[i])] = state_scalar(fingerprint(*pattern));
  }
  dict[kUpdatesKey] = state_scalar(updates_);
  return dict;
}

void ExponentialMovingAverage::load_state_dict(const StateDict& dict) {
  constexpr const char* kName = "ExponentialMovingAverage::load_state_dict";
  check_not_swapped(kName);
  const std::vector<std::string> names = unique_names(kName, params_);
  StateReader reader(dict);
  std::vector<Tensor> loaded;
  for (size_t i = 0; i < params_.size(); ++i) {
    const Parameter& p = params_[i];
    const Tensor saved = reader.find(average_key(names[i]), p.values().shape(), p.dtype());
    if (p.is_csr() && reader.scalar<int64_t>(pattern_key(names[i])) != fingerprint(*p.pattern())) {
      reader.fault(pattern_key(names[i]), "that of the parameter's pattern", "that of another");
    }
    const bool slots = saved.defined() && p.is_csr();
    loaded.push_back(slots ? p.pattern()->from_canonical(saved) : saved.defined() ? saved.clone() : saved);
  }
  const auto updates = reader.scalar<int64_t>(kUpdatesKey);
  if (updates < 0) reader.fault(kUpdatesKey, "0 or more", fmt::format("{}", updates));
  reader.finish(kName, "the dict must be that of averages of these parameters",
                "load the model's state before, and give the parameters as they were saved");
  for (size_t i = 0; i < params_.size(); ++i) averages_[i]->data = std::move(loaded[i]);
  updates_ = updates;
}

}  // namespace gossamer::optim
