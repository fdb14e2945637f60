// Arithmetic, relu, softplus, dropout.
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
      {"relu", "", [](Inputs x) { return relu(x[0]); }, {uniform({7, 5}, 1)}, {many}},
      {"softplus", "", [](Inputs x) { return softplus(x[0]); }, {uniform({7, 5}, 1, DType::f64, -4, 4)}, {many}},
      {"softplus",
       "sharp",
       [](Inputs x) { return softplus(x[0], {.beta = -2.5, .threshold = 3}); },
       {uniform({7, 5}, 1, DType::f64, -4, 4)}},
      {"dropout", "", [](Inputs x) { return dropout(x[0], 0.4, 7); }, {uniform({7, 5}, 1)}, {many}},
  };
}

}  // namespace gossamer::samples
