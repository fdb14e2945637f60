// How a parameter gets its first pattern.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "gossamer/csr_pattern.h"
#include "gossamer/sparse/sparse_parameter.h"

#pragma GCC visibility push(default)
namespace gossamer::sparse {

// What is known when a parameter gets its first pattern. Its matrix is as_matrix(shape): a tensor of rank 3 or more is
// [dim 0, the rest], a bias one row.
struct InitContext {
  const SparseParameter& parameter;
  float sparsity;          // in [0, 1]
  uint64_t key;            // of (seed, name, step 0)
  int64_t in_groups = 1;   // columns are to be scored in this many groups of equal counts; divides the columns
  int64_t out_groups = 1;  // the same for rows
};

// Makes the first pattern, of the size of the parameter's matrix.
using InitMethod = std::function<std::shared_ptr<const CsrPattern>(const InitContext&)>;
constexpr std::string_view config_type_name(const InitMethod*) { return "an InitMethod"; }

// Number of connections that are kept: int((1 - sparsity) * n), each operation in float32 as in the original, and from
// 0 to n. Throws ConfigError for NaN or a negative n.
int64_t num_kept(float sparsity, int64_t n);

// The methods of cerebras.pytorch.sparse. Where there are groups, `n` is the size of a group, and every group keeps the
// same number; ConfigError where they do not divide the parameter.

// num_kept(sparsity, n) connections at random, without replacement, in time O(kept). The default.
std::shared_ptr<const CsrPattern> random(const InitContext& context);
// The num_kept(sparsity, n) connections of largest magnitude; ties go to the lower row-major position.
std::shared_ptr<const CsrPattern> topk(const InitContext& context);
// The connections whose value is not 0, whatever the sparsity.
std::shared_ptr<const CsrPattern> from_zeros(const InitContext& context);
// Spread as evenly as possible: every row keeps each 1/(1 - sparsity)-th connection, shifted from row to row, in time
// O(rows + kept * log(1/(1 - sparsity))). Groups are not looked at. Throws ConfigError unless 0 <= sparsity < 1.
std::shared_ptr<const CsrPattern> checkerboard(const InitContext& context);

// The method called "random", "topk", "from_zeros" or "checkerboard", in any case (ConfigError).
InitMethod make_init_method(std::string_view name);

}  // namespace gossamer::sparse
#pragma GCC visibility pop
