// One-shot pruning: a model, trained or fresh, becomes sparse at once, by a score of each connection. The parameters
// are CSR afterwards; an algorithm that is applied then (Static to train on, RigL to search on) starts from these
// patterns.
//
//   const auto weights = sparse::matching(model.parameters(), "fc*.weight");
//   sparse::prune(weights, sparse::magnitude_scores, {.sparsity = 0.9});
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "gossamer/parameter.h"
#include "gossamer/sparse/sparsity.h"

#pragma GCC visibility push(default)
namespace gossamer::sparse {

// How much a parameter's connections are worth: one score of at least 0 for each, aligned with values(), f32 or f64. A
// NaN counts less than every number.
using ConnectionScores = std::function<Tensor(const Parameter& parameter)>;

// |w|
Tensor magnitude_scores(const Parameter& parameter);

// |w * g|, the first-order change of the loss without the connection, from the gradient that backward has left (summed
// over micro-batches). Molchanov et al. 2019, https://arxiv.org/abs/1906.10771. Throws StateError without a gradient.
Tensor saliency_scores(const Parameter& parameter);

// Among what the connections compete.
enum class PruneScope {
  Parameter,  // int((1 - sparsity) * n) stay in each parameter of n elements
  Row,        // int((1 - sparsity) * cols) stay in each row, which holds the inputs of one output
  Global,     // int((1 - sparsity) * N) stay of all N elements of all parameters together
};

struct PruneOptions {
  Sparsity sparsity = 0.0;  // of all elements, those dead already included; constants of at least 0 and below 1
  PruneScope scope = PruneScope::Parameter;  // Global takes one sparsity for all
};

// Keeps the connections of highest score, ties to the earlier parameter and then to the lower row-major position; what
// is dead stays dead. Survivors keep their values, gradients and optimizer states. A parameter with requires_dense is
// left alone; one that loses all its connections is warned about.
// Throws before anything changes: ConfigError for a sparsity that is not as it must be, or that names no parameter, a
// parameter without one, a negative score; ShapeError and DTypeError for scores that do not fit; whatever `scores`
// throws.
void prune(const std::vector<Parameter>& parameters, const ConnectionScores& scores, const PruneOptions& options);

// SNIP: prunes a fresh model by saliency over all parameters together, after a backward pass on one batch or several.
// Lee et al. 2018, https://arxiv.org/abs/1810.02340. Throws as prune() does; StateError for a parameter without a
// gradient.
void snip(const std::vector<Parameter>& parameters, double sparsity);

}  // namespace gossamer::sparse
#pragma GCC visibility pop
