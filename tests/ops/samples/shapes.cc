// Shapes and parts.
#include <vector>

#include "gossamer/ops.h"
#include "tests/ops/samples/sample.h"
#include "tests/support/tensors.h"

namespace gossamer::samples {

std::vector<OpSample> shapes() {
  return {
      {"reshape",
       "",
       [](Inputs x) {
         return reshape(x[0], {3, -1});
       },
       {uniform({2, 6}, 1)},
       {large({300, 200}, 1)}},
      {"slice", "rows", [](Inputs x) { return slice(x[0], 1, -1); }, {uniform({4, 3}, 1)}},
      {"slice", "of_slice", [](Inputs x) { return slice(slice(x[0], 1, 5), 1, 3); }, {uniform({6, 2}, 1)}},
      {"slice",
       "dim",
       [](Inputs x) { return slice(x[0], {.dim = 1, .begin = 1, .end = 5, .step = 2}); },
       {uniform({2, 5, 3}, 1)},
       {large({200, 5, 60}, 1)}},
      {"slice",
       "last_dim",
       [](Inputs x) { return slice(x[0], {.dim = -1, .begin = -2, .end = 4}); },
       {uniform({3, 4}, 1)}},
      {"transpose", "", [](Inputs x) { return transpose(x[0], 0, 1); }, {uniform({3, 5}, 1)}, {large({300, 200}, 1)}},
      {"transpose", "around", [](Inputs x) { return transpose(x[0], -1, 0); }, {uniform({2, 3, 4}, 1)}},
      {"transpose", "inner", [](Inputs x) { return transpose(x[0], 1, 2); }, {uniform({2, 3, 2, 2}, 1)}},
  };
}

}  // namespace gossamer::samples
