// Patterns with a structure: n of every m connections, and whole blocks. They start from scores, as a rule those of
// dense weights; the mask becomes an ordinary CSR pattern.
//
//   sparse::Static two_of_four({.sparsity = 0.5, .init_method = sparse::n_of_m_init({.n = 2, .m = 4})});
//   sparse::Static blocks({.sparsity = 0.9, .init_method = sparse::block_init({.rows = 8, .cols = 8})});
#pragma once

#include <cstdint>

#include "gossamer/sparse/init_method.h"
#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer::sparse {

struct NOfM {
  int64_t n = 2;  // kept of every m, at least 0 and at most m
  int64_t m = 4;  // consecutive elements along the axis, whose size it must divide
  int axis = -1;  // negative counts from the end; the last of a weight [out, in] runs over the inputs
};

// The mask (bool, the shape of `score`) of the n highest scores of every m: ties to the lower index, NaN below every
// number. Mishra et al. 2021, https://arxiv.org/abs/2104.08378
// Throws ConfigError for n, m or axis out of range, ShapeError where m does not divide, DTypeError unless f32 or f64.
Tensor make_mask_n_of_m(const Tensor& score, const NOfM& structure);

enum class BlockPool { Average, Max };

struct Blocks {
  int64_t rows = 4;  // of a block, at least 1; blocks at the lower and right edge may be smaller
  int64_t cols = 4;
  BlockPool pool = BlockPool::Average;  // what the score of a block is of those of its elements
};

// The mask (bool, the shape of `score`, seen as [dim 0, rest]) of the int((1 - sparsity) * b) best of the b blocks, an
// edge block counted as one: ties to the lower block in row-major order, a block with a NaN below all others. Narang et
// al. 2017, https://arxiv.org/abs/1711.02782. Throws ConfigError for sizes below 1 or a sparsity outside [0, 1],
// DTypeError unless f32 or f64.
Tensor make_mask_block_topk_sparsity(const Tensor& score, double sparsity, const Blocks& blocks);

// Init methods that score a parameter's elements by magnitude. n_of_m_init's throws ConfigError unless the algorithm's
// sparsity is 1 - n / m.
InitMethod n_of_m_init(const NOfM& structure);
InitMethod block_init(const Blocks& blocks);

}  // namespace gossamer::sparse
#pragma GCC visibility pop
