// Operations on CSR weights.
#include <memory>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/ops.h"
#include "tests/ops/samples/sample.h"
#include "tests/support/tensors.h"

namespace gossamer::samples {

std::vector<OpSample> sparse() {
  const auto pattern = CsrPattern::from_mask(random_mask({5, 7}, 11, 0.4));
  const auto full = CsrPattern::full(3, 4);
  const auto large_pattern = CsrPattern::from_mask(random_mask({400, 300}, 12, 0.1));
  const auto layer = [](std::shared_ptr<const CsrPattern> p) {
    return [p](Inputs x) { return csr_linear(x[0], p, x[1], x.size() > 2 ? x[2] : Tensor()); };
  };
  return {
      {"csr_linear", "", layer(pattern), {uniform({3, 7}, 1), uniform({pattern->nnz()}, 2), uniform({5}, 3)}},
      {"csr_linear",
       "large",
       layer(large_pattern),
       {},
       {large({128, 300}, 1), large({large_pattern->nnz()}, 2), large({400}, 3)}},
      {"csr_linear", "without_bias", layer(pattern), {uniform({2, 2, 7}, 1), uniform({pattern->nnz()}, 2)}},
      {"csr_linear", "full", layer(full), {uniform({5, 4}, 1), uniform({12}, 2), uniform({3}, 3)}},
      {"csr_to_dense",
       "",
       [=](Inputs x) {
         return csr_to_dense(pattern, x[0], {5, 7});
       },
       {uniform({pattern->nnz()}, 1)}},
      {"csr_to_dense",
       "large",
       [=](Inputs x) {
         return csr_to_dense(large_pattern, x[0], {400, 300});
       },
       {},
       {large({large_pattern->nnz()}, 1)}},
  };
}

std::vector<BadInput> bad_sparse() {
  using enum Thrown;
  const auto full = CsrPattern::full(2, 3);
  return {
      {"csr_linear", "no_pattern", State, [] { return csr_linear(f32(4, 3), nullptr, f32(6)); }},
      {"csr_linear", "sizes", Shape, [=] { return csr_linear(f32(4, 2), full, f32(6)); }},
      {"csr_linear", "scalar", Shape, [=] { return csr_linear(f32(), full, f32(6)); }},
      {"csr_linear", "values", Shape, [=] { return csr_linear(f32(4, 3), full, f32(5)); }},
      {"csr_linear", "bias", Shape, [=] { return csr_linear(f32(4, 3), full, f32(6), f32(3)); }},
      {"csr_linear", "dtypes", DType, [=] { return csr_linear(f64(4, 3), full, f32(6)); }},
      {"csr_linear", "integers", DType, [=] { return csr_linear(i64(4, 3), full, i64(6)); }},
      {"csr_to_dense", "no_values", State,
       [=] {
         return csr_to_dense(full, {}, {2, 3});
       }},
      {"csr_to_dense", "values", Shape,
       [=] {
         return csr_to_dense(full, f32(5), {2, 3});
       }},
      {"csr_to_dense", "shape", Shape,
       [=] {
         return csr_to_dense(full, f32(6), {3, 2});
       }},
  };
}

}  // namespace gossamer::samples
