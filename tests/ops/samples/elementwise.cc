// Arithmetic, relu, softplus, dropout.
#include <cmath>
#include <vector>

#include "gossamer/ops.h"
#include "tests/ops/samples/sample.h"
#include "tests/support/tensors.h"

namespace gossamer::samples {

std::vector<OpSample> elementwise() {
  // Divisors stay away from 0.
  const Tensor divisor = uniform({2, 3, 4}, 3, DType::f64, 0.5, 2);
  const Tensor divisor_row = uniform({4}, 4, DType::f64, -2, -0.5);
  const Tensor many = large({300, 200}, 1);
  const Tensor column = large({300, 1}, 2, 0.5, 2);
  return {
      {"add", "", [](Inputs x) { return add(x[0], x[1]); }, {uniform({2, 3}, 1), uniform({2, 3}, 2)}, {many, column}},
      {"add",
       "row",
       [](Inputs x) { return add(x[0], x[1]); },
       {uniform({2, 3, 4}, 1), uniform({4}, 2)},
       {many, large({200}, 2)}},
      {"add", "outer", [](Inputs x) { return add(x[0], x[1]); }, {uniform({3, 1}, 1), uniform({1, 4}, 2)}},
      {"add", "middle", [](Inputs x) { return add(x[0], x[1]); }, {uniform({2, 1, 4}, 1), uniform({5, 1, 3, 1}, 2)}},
      {"add", "scalar_tensor", [](Inputs x) { return add(x[0], x[1]); }, {uniform({}, 1), uniform({3, 2}, 2)}},
      {"add", "nothing", [](Inputs x) { return add(x[0], x[1]); }, {uniform({2, 0}, 1), uniform({2, 1}, 2)}},
      {"add", "to_itself", [](Inputs x) { return add(x[0], x[0]); }, {uniform({3}, 1)}},
      {"sub", "", [](Inputs x) { return sub(x[0], x[1]); }, {uniform({2, 3}, 1), uniform({2, 3}, 2)}, {many, column}},
      {"sub", "column", [](Inputs x) { return sub(x[0], x[1]); }, {uniform({3, 1}, 1), uniform({2, 3, 4}, 2)}},
      {"mul", "", [](Inputs x) { return mul(x[0], x[1]); }, {uniform({2, 3}, 1), uniform({2, 3}, 2)}, {many, column}},
      {"mul", "row", [](Inputs x) { return mul(x[0], x[1]); }, {uniform({2, 3, 4}, 1), uniform({4}, 2)}},
      {"mul", "by_itself", [](Inputs x) { return mul(x[0], x[0]); }, {uniform({3, 2}, 1)}},
      {"div", "", [](Inputs x) { return div(x[0], x[1]); }, {uniform({2, 3, 4}, 1), divisor}, {many, column}},
      {"div", "by_row", [](Inputs x) { return div(x[0], x[1]); }, {uniform({2, 3, 4}, 1), divisor_row}},
      {"div", "of_row", [](Inputs x) { return div(x[0], x[1]); }, {uniform({4}, 1), divisor}},
      {"neg", "", [](Inputs x) { return neg(x[0]); }, {uniform({5}, 1)}, {many}},
      {"add_scalar", "", [](Inputs x) { return add_scalar(x[0], 3); }, {uniform({5}, 1)}, {many}},
      {"mul_scalar", "", [](Inputs x) { return mul_scalar(x[0], -1.5); }, {uniform({5}, 1)}, {many}},
      {"div_scalar", "", [](Inputs x) { return div_scalar(x[0], -1.5); }, {uniform({5}, 1)}, {many}},
      {"relu", "", [](Inputs x) { return relu(x[0]); }, {uniform({7, 5}, 1)}, {many}},
      {"softplus", "", [](Inputs x) { return softplus(x[0]); }, {uniform({7, 5}, 1, DType::f64, -4, 4)}, {many}},
      {"softplus",
       "sharp",
       [](Inputs x) { return softplus(x[0], {.beta = -2.5, .threshold = 3}); },
       {uniform({7, 5}, 1, DType::f64, -4, 4)}},
      {"dropout", "", [](Inputs x) { return dropout(x[0], 0.4, 7); }, {uniform({7, 5}, 1)}, {many}},
  };
}

std::vector<BadInput> bad_elementwise() {
  using enum Thrown;
  const double nan = std::nan("");
  return {
      {"add", "shapes", Shape, [] { return add(f32(2, 3), f32(2)); }},
      {"add", "dtypes", DType, [] { return add(f32(2), f64(2)); }},
      {"div_scalar", "integers", DType, [] { return div_scalar(i64(2), 2); }},
      {"sub", "shapes", Shape, [] { return sub(f32(2), f32(3)); }},
      {"sub", "integers", DType, [] { return sub(i64(2), i64(2)); }},
      {"mul", "shapes", Shape, [] { return mul(f32(0), f32(2)); }},
      {"mul", "dtypes", DType, [] { return mul(f32(2), i64(2)); }},
      {"div", "shapes", Shape, [] { return div(f32(2, 1, 3), f32(2, 2)); }},
      {"div", "dtypes", DType, [] { return div(f64(2), f32(2)); }},
      {"softplus", "beta", Config, [] { return softplus(f32(1), {.beta = 0}); }},
      {"dropout", "share", Config, [] { return dropout(f32(2), 1, 1); }},
      {"dropout", "nan", Config, [=] { return dropout(f32(2), nan, 1); }},
  };
}

}  // namespace gossamer::samples
