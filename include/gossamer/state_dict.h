// StateDict: the state of an object as tensors by name, in a form that other libraries read too.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

// What models, optimizers, sparsity algorithms and loaders save and take up. Each says which names it uses; names are
// ordered as bytes.
using StateDict = std::map<std::string, Tensor>;

struct LoadOptions {
  bool strict = true;  // names that are missing or unexpected are an error
};

// What a load with strict = false passed over.
struct LoadResult {
  std::vector<std::string> missing;     // the object has them, the dict has not: they kept what they had
  std::vector<std::string> unexpected;  // the dict has them, the object has not
};

}  // namespace gossamer
#pragma GCC visibility pop
