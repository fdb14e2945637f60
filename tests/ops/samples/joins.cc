// Tensors put together and taken apart.
#include <vector>

#include "gossamer/ops.h"
#include "tests/ops/samples/sample.h"
#include "tests/support/tensors.h"

namespace gossamer::samples {

namespace {

// Uses all parts but one, each in another way.
Tensor product_of_parts(const std::vector<Tensor>& parts) { return mul(parts[0], add(parts[0], parts[2])); }

}  // namespace

std::vector<OpSample> joins() {
  const auto joined = [](int dim) { return [=](Inputs x) { return concat(x, dim); }; };
  const auto stacked = [](int dim) { return [=](Inputs x) { return stack(x, dim); }; };
  return {
      {"concat",
       "",
       joined(1),
       {uniform({2, 1, 3}, 1), uniform({2, 4, 3}, 2), uniform({2, 2, 3}, 3)},
       {large({300, 40}, 1), large({300, 70}, 2)}},
      {"concat", "rows", joined(0), {uniform({2, 3}, 1), uniform({1, 3}, 2)}, {large({200, 90}, 1), large({9, 90}, 2)}},
      {"concat", "one", joined(-1), {uniform({2, 3}, 1)}},
      {"concat",
       "twice_the_same",
       [](Inputs x) {
         return concat({x[0], x[0]});
       },
       {uniform({2, 3}, 1)}},
      {"concat", "empty", joined(0), {uniform({0, 3}, 1), uniform({2, 3}, 2)}},
      {"stack", "", stacked(1), {uniform({2, 3}, 1), uniform({2, 3}, 2)}, {large({150, 90}, 1), large({150, 90}, 2)}},
      {"stack", "last", stacked(-1), {uniform({2, 3}, 1), uniform({2, 3}, 2)}},
      {"stack", "scalars", stacked(0), {uniform({}, 1), uniform({}, 2)}},
      {"split",
       "",
       [](Inputs x) { return product_of_parts(split(x[0], 2, 1)); },
       {uniform({3, 6}, 1)},
       {large({9000, 6}, 1)}},
      {"split", "rows", [](Inputs x) { return product_of_parts(split(x[0], 1)); }, {uniform({4, 3}, 1)}},
      {"split",
       "sizes",
       [](Inputs x) {
         return split(x[0], {1, 0, 3}, -1)[2];
       },
       {uniform({2, 4}, 1)}},
      {"split",
       "behind_ones",
       [](Inputs x) { return product_of_parts(split(x[0], 2, 1)); },
       {uniform({1, 6, 2}, 1)},
       {large({1, 6, 9000}, 1)}},
      {"split", "empty", [](Inputs x) { return split(x[0], 2)[0]; }, {uniform({0, 3}, 1)}},
      {"chunk", "", [](Inputs x) { return chunk(x[0], 2, 1)[1]; }, {uniform({2, 5}, 1)}, {large({9000, 5}, 1)}},
  };
}

std::vector<BadInput> bad_joins() {
  using enum Thrown;
  return {
      {"concat", "none", Shape, [] { return concat({}); }},
      {"concat", "sizes", Shape,
       [] {
         return concat({f32(2, 3), f32(2, 2)});
       }},
      {"concat", "rank", Shape,
       [] {
         return concat({f32(2, 3), f32(2)});
       }},
      {"concat", "scalar", Shape, [] { return concat({f32()}); }},
      {"concat", "dtypes", DType,
       [] {
         return concat({f32(2), f64(2)});
       }},
      {"stack", "none", Shape, [] { return stack({}); }},
      {"stack", "axis", Shape, [] { return stack({f32(2)}, 2); }},
      {"stack", "sizes", Shape,
       [] {
         return stack({f32(2), f32(1)});
       }},
      {"stack", "dtypes", DType,
       [] {
         return stack({f32(2), i64(2)});
       }},
      {"split", "axis", Shape, [] { return split(f32(2), 1, 1)[0]; }},
      {"split", "size", Config, [] { return split(f32(2), 0)[0]; }},
      {"split", "sum", Shape,
       [] {
         return split(f32(2), {1, 2})[0];
       }},
      {"chunk", "count", Config, [] { return chunk(f32(2), 0)[0]; }},
      {"chunk", "scalar", Shape, [] { return chunk(f32(), 1)[0]; }},
  };
}

}  // namespace gossamer::samples
