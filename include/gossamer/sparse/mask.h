// Masks from scores, as dense tensors: the pieces of cerebras.pytorch.sparse for a custom update_mask. What the
// built-in algorithms use works on CSR and builds no mask.
//
// Scores are f32 or f64 (DTypeError). Choices are exact: ties go to the lower position, NaN ranks above every number
// (as in torch.topk), and counts are truncated after float32 operations. Time is linear in the elements.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer::sparse {

// A score in the form in which it is compared: the elements of its last dimension compete with each other.
struct ShapedScore {
  Tensor tensor;
  std::function<Tensor(const Tensor&)> unshape;  // takes a tensor of that shape back
};
using ScoreShaper = std::function<ShapedScore(const Tensor&)>;

// All elements compete. The default.
struct ScoreFlattener {
  ShapedScore operator()(const Tensor& tensor) const;
};

// num_groups runs of rows, each by itself: [num_groups * n, in] -> [num_groups, n * in]. Throws ConfigError where the
// number does not divide the elements.
struct OutputGroupScoreShaper {
  int64_t num_groups = 1;
  ShapedScore operator()(const Tensor& tensor) const;
};

// num_groups runs of columns, each by itself: [out, num_groups * n] -> [num_groups, out * n]. Throws ShapeError unless
// the rank is 2, ConfigError where the number does not divide the columns.
struct InputGroupScoreShaper {
  int64_t num_groups = 1;
  ShapedScore operator()(const Tensor& tensor) const;
};

// The int((1 - sparsity) * n) largest scores of each group of n. Throws ConfigError unless 0 <= sparsity <= 1.
Tensor make_mask_topk_sparsity(const Tensor& score, float sparsity, const ScoreShaper& shaper = ScoreFlattener());

struct DroppedMask {
  Tensor mask;
  int64_t kept;  // in each group
};

// The int((1 - drop_fraction) * (ones of the mask / groups)) largest scores of each group: those of absent connections
// rank as they are given, so they must be the smallest (a magnitude of 0) for connections to be dropped only. Throws
// ConfigError where that is not a number from 0 to the size of a group, ShapeError and DTypeError for the mask.
DroppedMask make_mask_drop_minimum(const Tensor& score, const Tensor& mask, float drop_fraction,
                                   const ScoreShaper& shaper = ScoreFlattener());

// The mask and, in each group of n, the max(int((1 - sparsity) * n) - mask_nonzero, 0) largest scores of absent
// connections. `mask_nonzero` is the number of ones in each group, DroppedMask::kept for instance; by default that of
// the whole mask, as in the original, which is right without groups only. Throws as the functions above.
Tensor make_mask_grow_maximum(const Tensor& score, const Tensor& mask, float sparsity,
                              std::optional<int64_t> mask_nonzero = {}, const ScoreShaper& shaper = ScoreFlattener());

}  // namespace gossamer::sparse
#pragma GCC visibility pop
