// StateDict: what a module has learned, by name, in a form that other libraries read too.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer::nn {

// "fc1.weight" is a parameter in its dense shape, 0 where pruned, or a buffer. A CSR parameter has its mask beside it:
// "fc1.weight_mask", bool, of the same shape.
using StateDict = std::map<std::string, Tensor>;

struct LoadOptions {
  bool strict = true;  // names that are missing or unexpected are an error
};

// What a load with strict = false passed over.
struct LoadResult {
  std::vector<std::string> missing;     // the module has them, the dict has not: they kept what they had
  std::vector<std::string> unexpected;  // the dict has them, the module has not
};

}  // namespace gossamer::nn
#pragma GCC visibility pop
