// Reductions.
#include <vector>

#include "gossamer/ops.h"
#include "tests/ops/samples/sample.h"
#include "tests/support/tensors.h"

namespace gossamer::samples {

std::vector<OpSample> reductions() {
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
  };
}

}  // namespace gossamer::samples
