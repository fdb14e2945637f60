// Matrix products.
#include <vector>

#include "gossamer/ops.h"
#include "tests/ops/samples/sample.h"
#include "tests/support/tensors.h"

namespace gossamer::samples {

std::vector<OpSample> products() {
  const auto product = [](Inputs x) { return matmul(x[0], x[1]); };
  const auto transposed = [](bool a, bool b) {
    return [a, b](Inputs x) { return matmul(x[0], x[1], {.transpose_a = a, .transpose_b = b}); };
  };
  const auto layer = [](Inputs x) { return linear(x[0], x[1], x.size() > 2 ? x[2] : Tensor()); };
  return {
      {"matmul", "transposed_a", transposed(true, false), {uniform({2, 4, 3}, 1), uniform({2, 4, 2}, 2)}},
      {"matmul", "transposed_b", transposed(false, true), {uniform({2, 3, 4}, 1), uniform({2, 4}, 2)}},
      {"matmul", "transposed_both", transposed(true, true), {uniform({4, 3}, 1), uniform({2, 2, 4}, 2)}},
      {"permute",
       "",
       [](Inputs x) {
         return permute(x[0], {2, 0, -2});
       },
       {uniform({2, 3, 4}, 1)},
       {large({30, 40, 50}, 1)}},
      {"matmul", "", product, {uniform({3, 4}, 1), uniform({4, 5}, 2)}},
      {"matmul",
       "batched",
       product,
       {uniform({2, 3, 4}, 1), uniform({2, 4, 2}, 2)},
       {large({6, 30, 70}, 1), large({6, 70, 90}, 2)}},
      {"matmul", "batch_by_matrix", product, {uniform({2, 2, 3, 4}, 1), uniform({4, 2}, 2)}},
      {"matmul", "matrix_by_batch", product, {uniform({3, 4}, 1), uniform({3, 4, 2}, 2)}},
      {"matmul", "crossed_batches", product, {uniform({2, 1, 3, 4}, 1), uniform({3, 4, 2}, 2)}},
      {"matmul", "of_vectors", product, {uniform({4}, 1), uniform({4}, 2)}, {large({70000}, 1), large({70000}, 2)}},
      {"matmul", "vector_by_batch", product, {uniform({3}, 1), uniform({2, 1, 3, 4}, 2)}},
      {"matmul",
       "batch_by_vector",
       product,
       {uniform({2, 1, 3, 4}, 1), uniform({4}, 2)},
       {large({60, 80, 90}, 1), large({90}, 2)}},
      {"matmul", "of_single_elements", product, {uniform({1, 1, 1}, 1), uniform({1}, 2)}},
      {"matmul", "without_inner", product, {uniform({2, 3, 0}, 1), uniform({0, 4}, 2)}},
      {"linear",
       "",
       layer,
       {uniform({4, 6}, 1), uniform({5, 6}, 2), uniform({5}, 3)},
       {large({128, 300}, 1), large({400, 300}, 2), large({400}, 3)}},
      {"linear", "without_bias", layer, {uniform({2, 3, 4}, 1), uniform({3, 4}, 2)}},
      {"linear", "of_vector", layer, {uniform({4}, 1), uniform({3, 4}, 2), uniform({3}, 3)}},
  };
}

std::vector<BadInput> bad_products() {
  using enum Thrown;
  return {
      {"permute", "axis", Shape,
       [] {
         return permute(f32(2, 3), {0, 2});
       }},
      {"permute", "twice", Shape,
       [] {
         return permute(f32(2, 3), {1, 1});
       }},
      {"matmul", "scalar", Shape, [] { return matmul(f32(), f32(1, 1)); }},
      {"matmul", "vector_sizes", Shape, [] { return matmul(f32(2, 3), f32(2)); }},
      {"matmul", "transposed_vector", Shape, [] { return matmul(f32(2, 3), f32(3), {.transpose_b = true}); }},
      {"matmul", "sizes", Shape, [] { return matmul(f32(2, 3), f32(2, 3)); }},
      {"matmul", "batches", Shape, [] { return matmul(f32(2, 3, 4), f32(3, 4, 5)); }},
      {"matmul", "dtypes", DType, [] { return matmul(f32(2, 2), f64(2, 2)); }},
      {"linear", "sizes", Shape, [] { return linear(f32(2, 3), f32(5, 4)); }},
      {"linear", "scalar", Shape, [] { return linear(f32(), f32(5, 4)); }},
      {"linear", "bias", Shape, [] { return linear(f32(2, 4), f32(5, 4), f32(4)); }},
      {"linear", "dtypes", DType, [] { return linear(f64(2, 4), f32(5, 4)); }},
  };
}

}  // namespace gossamer::samples
