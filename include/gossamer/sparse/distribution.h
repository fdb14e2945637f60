// Layer distributions: how the sparsity of a whole model is shared out over its parameters.
//
//   const auto weights = sparse::matching(model.parameters(), "fc*.weight");
//   const auto sparsity = sparse::distribute(weights, {.kind = sparse::Distribution::ERK, .sparsity = 0.9});
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/parameter.h"
#include "gossamer/sparse/group.h"

#pragma GCC visibility push(default)
namespace gossamer::sparse {

// Those that the filter takes, in their order. Throws ConfigError where it takes none: it is likely misspelt.
std::vector<Parameter> matching(const std::vector<Parameter>& parameters, const ParameterFilter& filter);

// The density (1 - sparsity) of a parameter:
//   Uniform  the same for all
//   ER       in proportion to (out + in) / (out * in): Erdős-Rényi, Mocanu et al. 2018,
//            https://doi.org/10.1038/s41467-018-04316-3
//   ERK      in proportion to (d0 + d1 + ...) / (d0 * d1 * ...) over all dimensions; of a matrix the same as ER:
//            Erdős-Rényi-Kernel, Evci et al. 2020, https://arxiv.org/abs/1911.11134
// Small layers keep a larger share of their connections. A layer that would get a density above 1 becomes dense, and
// the others are solved for again with what is left. A bias [n] counts as the matrix [1, n].
enum class Distribution { Uniform, ER, ERK };

struct DistributionOptions {
  Distribution kind = Distribution::ERK;
  double sparsity = 0;     // of all parameters without an override taken together; at least 0 and below 1
  double power_scale = 1;  // exponent of the ratio of ER and ERK, at least 0; 0 shares evenly, 1 is the papers' rule
  // Glob and sparsity in [0, 1); the first glob that matches decides. Such a parameter takes no part in the sharing.
  std::vector<std::pair<std::string, double>> overrides = {};
};

// The sparsity of each parameter, by name; 0 is dense. A parameter with requires_dense is left out. A layer's share of
// the connections is counted as the reference implementation of RigL does, n - floor(sparsity * n).
// Throws ConfigError: options out of their range, no parameter, a name that comes twice, an override that matches none.
std::map<std::string, double> distribute(const std::vector<Parameter>& parameters, const DistributionOptions& options);

}  // namespace gossamer::sparse
#pragma GCC visibility pop
