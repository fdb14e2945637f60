#include "gossamer/sparse/distribution.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <numeric>

#include "config/nearest.h"
#include "runtime/check.h"
#include "sparse/names.h"

namespace gossamer::sparse {

namespace {

constexpr const char* kOp = "distribute";

bool any_matches(const std::vector<Parameter>& parameters, const std::string& glob) {
  return std::ranges::any_of(parameters, [&](const Parameter& p) { return glob_match(glob, p.name()); });
}

void check(const std::vector<Parameter>& parameters, const DistributionOptions& options) {
  if (parameters.empty()) {
    fail<ConfigError>(kOp, "there must be a parameter to share the sparsity", "none", "pass model.parameters()");
  }
  if (!(options.sparsity >= 0 && options.sparsity < 1)) {
    fail<ConfigError>(kOp, "sparsity must be at least 0 and below 1", fmt::format("{}", options.sparsity),
                      remedy_of_share(options.sparsity));
  }
  if (!(options.power_scale >= 0 && std::isfinite(options.power_scale))) {
    fail<ConfigError>(kOp, "power_scale must be at least 0 and finite", fmt::format("{}", options.power_scale));
  }
  for (const auto& [glob, sparsity] : options.overrides) {
    if (!(sparsity >= 0 && sparsity < 1)) {
      fail<ConfigError>(kOp, "an override must be at least 0 and below 1", fmt::format("'{}' has {}", glob, sparsity),
                        remedy_of_share(sparsity));
    }
    if (!any_matches(parameters, glob)) {
      fail<ConfigError>(kOp, "an override must match a parameter", fmt::format("'{}' matches none", glob),
                        "there are " + list_nearest({glob}, names_of(parameters)));
    }
  }
}

// What the density of a parameter is in proportion to.
double ratio(const Parameter& parameter, const DistributionOptions& options) {
  if (options.kind == Distribution::Uniform) return 1;
  std::vector<double> dims(parameter.shape().begin(), parameter.shape().end());
  if (dims.size() < 2) dims = {1.0, static_cast<double>(parameter.numel())};
  if (options.kind == Distribution::ER) dims.resize(2);
  const double sum = std::accumulate(dims.begin(), dims.end(), 0.0);
  const double product = std::accumulate(dims.begin(), dims.end(), 1.0, std::multiplies<>());
  return std::pow(sum / product, options.power_scale);
}

// A parameter that takes part in the sharing.
struct Layer {
  std::string name;
  double numel;
  double ratio;
  bool dense = false;
};

// The factor from ratios to densities: the largest ones become dense until no density is above 1.
double solve(std::vector<Layer>& layers, double sparsity) {
  while (true) {
    double connections = 0;
    double weighted = 0;
    double largest = 0;
    for (const Layer& layer : layers) {
      connections += layer.numel - std::floor(sparsity * layer.numel);
      if (layer.dense) {
        connections -= layer.numel;
      } else {
        weighted += layer.ratio * layer.numel;
        largest = std::max(largest, layer.ratio);
      }
    }
    const double factor = weighted > 0 ? connections / weighted : 0;
    if (factor * largest <= 1) return factor;
    for (Layer& layer : layers) layer.dense = layer.dense || layer.ratio == largest;
  }
}

}  // namespace

std::vector<Parameter> matching(const std::vector<Parameter>& parameters, const ParameterFilter& filter) {
  std::vector<Parameter> found;
  std::ranges::copy_if(parameters, std::back_inserter(found),
                       [&](const Parameter& p) { return filter(SparseParameter(p.name(), p)); });
  if (found.empty()) {
    fail<ConfigError>("matching", "the filter must take a parameter",
                      fmt::format("it takes none of {}", parameters.size()),
                      "there are " + list_nearest(filter.globs(), names_of(parameters)));
  }
  return found;
}

std::map<std::string, double> distribute(const std::vector<Parameter>& parameters, const DistributionOptions& options) {
  check(parameters, options);
  std::map<std::string, double> sparsity;
  std::vector<Layer> layers;
  for (const Parameter& p : parameters) {
    if (p.requires_dense()) continue;
    const auto given =
        std::ranges::find_if(options.overrides, [&](const auto& entry) { return glob_match(entry.first, p.name()); });
    const bool shares = given == options.overrides.end();
    if (!sparsity.emplace(p.name(), shares ? 0 : given->second).second) {
      fail<ConfigError>(kOp, "names of parameters must be unique", fmt::format("'{}' twice", p.name()),
                        "register the modules under different names");
    }
    if (shares && p.numel() > 0) layers.push_back({p.name(), static_cast<double>(p.numel()), ratio(p, options)});
  }
  if (options.kind == Distribution::Uniform) {
    for (const Layer& layer : layers) sparsity[layer.name] = options.sparsity;
    return sparsity;
  }
  const double factor = solve(layers, options.sparsity);
  for (const Layer& layer : layers) sparsity[layer.name] = layer.dense ? 0 : 1 - factor * layer.ratio;
  return sparsity;
}

}  // namespace gossamer::sparse
