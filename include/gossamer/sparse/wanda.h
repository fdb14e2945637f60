// Wanda: one-shot pruning by magnitudes and the activations that the weights meet.
//
//   sparse::InputNorms norms(weights);
//   for (const auto& batch : calibration) model(batch.x);
//   sparse::wanda(weights, norms, 0.5);
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "gossamer/parameter.h"

#pragma GCC visibility push(default)
namespace gossamer::sparse {

// The norm of each input feature of some weights, gathered from their products while it is alive: run forward on
// calibration data, under NoGrad and in evaluation mode. A weight has one InputNorms at a time.
class InputNorms {
 public:
  // Throws ShapeError for a parameter that is not a matrix.
  explicit InputNorms(const std::vector<Parameter>& weights);
  ~InputNorms();
  InputNorms(InputNorms&&) noexcept;
  InputNorms& operator=(InputNorms&&) = delete;

  // sqrt(sum of x_j^2) over all rows seen, f64 [in]. Throws StateError for another parameter.
  Tensor norms(const Parameter& weight) const;
  // |w_ij| * norm_j, aligned with values(), in the dtype of the weight. Throws StateError for another parameter, or
  // where no forward pass was seen.
  Tensor scores(const Parameter& weight) const;

 private:
  struct Sums;
  const Sums& sums(const Parameter& weight) const;

  std::vector<std::pair<Parameter, std::shared_ptr<Sums>>> sums_;
};

// Wanda: prunes a trained model by |w_ij| times the norm of its input, each output among its own inputs. Sun et al.
// 2023, https://arxiv.org/abs/2306.11695. Throws as prune() and InputNorms::scores() do.
void wanda(const std::vector<Parameter>& weights, const InputNorms& norms, double sparsity);

}  // namespace gossamer::sparse
#pragma GCC visibility pop
