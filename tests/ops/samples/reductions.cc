// Reductions.
#include <cmath>
#include <optional>
#include <vector>

#include "gossamer/ops.h"
#include "tests/ops/samples/sample.h"
#include "tests/support/tensors.h"

namespace gossamer::samples {

namespace {

// With a column without, one with a single, and one with two zeros.
Tensor with_zeros() {
  Tensor x = uniform({3, 3}, 1, DType::f64, 0.5, 2);
  for (const int64_t at : {1, 2, 5}) x.mutable_data<double>()[at] = 0;
  return x;
}

}  // namespace

std::vector<OpSample> reductions() {
  const Tensor many = large({70, 50, 40}, 1);
  const std::vector<Tensor> of_nothing{uniform({0, 3}, 1)};
  return {
      {"sum", "", [](Inputs x) { return sum(x[0]); }, {uniform({3, 4}, 1)}, {large({70, 50, 40}, 1)}},
      {"sum",
       "middle",
       [](Inputs x) { return sum(x[0], {.dims = {1}}); },
       {uniform({2, 3, 4}, 1)},
       {large({70, 50, 40}, 1)}},
      {"sum",
       "outer_keepdim",
       [](Inputs x) {
         return sum(x[0], {.dims = {0, -1}, .keepdim = true});
       },
       {uniform({2, 3, 4}, 1)}},
      {"sum", "of_scalar", [](Inputs x) { return sum(x[0]); }, {uniform({}, 1)}},
      {"mean", "", [](Inputs x) { return mean(x[0]); }, {uniform({3, 4}, 1)}},
      {"mean",
       "pairs",
       [](Inputs x) {
         return mean(x[0], {.dims = {0, 2}});
       },
       {uniform({2, 3, 4, 2}, 1)},
       {large({70, 50, 40}, 1)}},
      {"max", "", [](Inputs x) { return max(x[0]); }, {uniform({3, 4}, 1)}},
      {"max",
       "dim",
       [](Inputs x) { return max(x[0], {.dims = {1}}); },
       {uniform({2, 5, 3}, 1)},
       {large({40, 50, 70}, 1)}},
      {"max",
       "dims_keepdim",
       [](Inputs x) {
         return max(x[0], {.dims = {-2, -1}, .keepdim = true});
       },
       {uniform({2, 3, 2}, 1)}},
      {"sum", "of_nothing", [](Inputs x) { return sum(x[0], {.dims = {0}}); }, of_nothing},
      {"mean", "of_nothing", [](Inputs x) { return mean(x[0], {.dims = {1}}); }, of_nothing},
      {"max", "of_nothing", [](Inputs x) { return max(x[0], {.dims = {1}}); }, of_nothing},
      {"min",
       "",
       [](Inputs x) {
         return min(x[0], {.dims = {0, 2}});
       },
       {uniform({2, 1, 3}, 1)},
       {many}},
      {"min", "of_nothing", [](Inputs x) { return min(x[0], {.dims = {1}}); }, of_nothing},
      {"prod",
       "",
       [](Inputs x) {
         return prod(x[0], {.dims = {0, 2}});
       },
       {uniform({2, 1, 3}, 1)},
       {large({70, 50, 40}, 1, 0.9, 1.1)}},
      {"prod", "with_zeros", [](Inputs x) { return prod(x[0], {.dims = {0}, .keepdim = true}); }, {with_zeros()}},
      {"prod", "of_nothing", [](Inputs x) { return prod(x[0], {.dims = {0}}); }, of_nothing},
      {"logsumexp",
       "",
       [](Inputs x) {
         return logsumexp(x[0], {.dims = {0, 2}});
       },
       {uniform({2, 1, 3}, 1, DType::f64, -3, 3)},
       {many}},
      {"logsumexp",
       "last",
       [](Inputs x) { return logsumexp(x[0], {.dims = {-1}, .keepdim = true}); },
       {uniform({2, 5}, 1)}},
      {"logsumexp", "of_nothing", [](Inputs x) { return logsumexp(x[0], {.dims = {0}}); }, of_nothing},
      {"var",
       "",
       [](Inputs x) {
         return var(x[0], {.dims = {0, 2}});
       },
       {uniform({2, 1, 3}, 1)},
       {many}},
      {"var",
       "biased",
       [](Inputs x) { return var(x[0], {.keepdim = true, .correction = 0}); },
       {uniform({2, 5}, 1)},
       {many}},
      {"var",
       "of_single_elements",
       [](Inputs x) { return var(x[0], {.dims = {0}, .correction = 0}); },
       {uniform({1, 3}, 1)}},
      {"var", "of_nothing", [](Inputs x) { return var(x[0], {.dims = {1}}); }, of_nothing},
      {"stddev",
       "",
       [](Inputs x) {
         return stddev(x[0], {0, 2});
       },
       {uniform({2, 1, 3}, 1)},
       {many}},
      {"stddev",
       "biased",
       [](Inputs x) { return stddev(x[0], {.keepdim = true, .correction = 0}); },
       {uniform({2, 5}, 1)}},
      {"stddev", "of_nothing", [](Inputs x) { return stddev(x[0], {.dims = {1}}); }, of_nothing},
      {"norm",
       "",
       [](Inputs x) {
         return norm(x[0], {.dims = {0, 2}});
       },
       {uniform({2, 1, 3}, 1)},
       {many}},
      {"norm", "of_scalar", [](Inputs x) { return norm(x[0]); }, {uniform({}, 1)}},
      {"norm", "one", [](Inputs x) { return norm(x[0], {.p = 1, .keepdim = true}); }, {uniform({2, 5}, 1)}, {many}},
      {"norm", "of_nothing", [](Inputs x) { return norm(x[0], {.dims = {0}}); }, of_nothing},
      {"cumsum", "", [](Inputs x) { return cumsum(x[0], -1); }, {uniform({2, 1, 5}, 1)}, {many}},
      {"cumsum", "middle", [](Inputs x) { return cumsum(x[0], 1); }, {uniform({2, 3, 4}, 1)}, {large({7, 20, 600}, 1)}},
      {"cumsum", "of_nothing", [](Inputs x) { return cumsum(x[0], 0); }, of_nothing},
  };
}

std::vector<BadInput> bad_reductions() {
  using enum Thrown;
  const double nan = std::nan("");
  return {
      {"sum", "axis", Shape, [] { return sum(f32(2, 3), {.dims = {2}}); }},
      {"sum", "axis_twice", Shape,
       [] {
         return sum(f32(2, 3), {.dims = {1, -1}});
       }},
      {"sum", "integers", DType, [] { return sum(i64(2)); }},
      {"mean", "axis", Shape, [] { return mean(f32(2), {.dims = {-2}}); }},
      {"mean", "empty", Shape, [] { return mean(f32(2, 0)); }},
      {"mean", "integers", DType, [] { return mean(i64(2)); }},
      {"max", "axis", Shape, [] { return max(f32(), {.dims = {0}}); }},
      {"max", "empty", Shape, [] { return max(f32(0)); }},
      {"min", "empty", Shape, [] { return min(f32(2, 0), {.dims = {1}}); }},
      {"min", "integers", DType, [] { return min(i64(2)); }},
      {"prod", "axis", Shape, [] { return prod(f32(2), {.dims = {1}}); }},
      {"prod", "integers", DType, [] { return prod(i64(2)); }},
      {"logsumexp", "axis_twice", Shape,
       [] {
         return logsumexp(f32(2), {.dims = {0, 0}});
       }},
      {"logsumexp", "integers", DType, [] { return logsumexp(i64(2)); }},
      {"var", "empty", Shape, [] { return var(f32(0)); }},
      {"var", "axis", Shape, [] { return var(f32(2), {.dims = {-2}}); }},
      {"var", "correction", Config, [=] { return var(f32(2), {.correction = nan}); }},
      {"stddev", "correction", Config, [=] { return stddev(f32(2), {.correction = nan}); }},
      {"stddev", "empty", Shape, [] { return stddev(f32(0)); }},
      {"count_nonzero", "axis", Shape, [] { return count_nonzero(i64(2), 1); }},
      {"norm", "power", Config, [] { return norm(f32(2), {.p = 3}); }},
      {"norm", "axis", Shape, [] { return norm(f32(2), {.dims = {1}}); }},
      {"norm", "integers", DType, [] { return norm(i64(2)); }},
      {"argmax", "empty", Shape, [] { return argmax(f32(2, 0)); }},
      {"argmax", "scalar", Shape, [] { return argmax(f32(), 0); }},
      {"argmin", "empty", Shape, [] { return argmin(f32(0), {.dim = std::nullopt}); }},
      {"argmin", "axis", Shape, [] { return argmin(f32(2), 1); }},
      {"cumsum", "axis", Shape, [] { return cumsum(f32(2), 1); }},
      {"cumsum", "scalar", Shape, [] { return cumsum(f32(), 0); }},
      {"cumsum", "integers", DType, [] { return cumsum(i64(2), 0); }},
  };
}

}  // namespace gossamer::samples
