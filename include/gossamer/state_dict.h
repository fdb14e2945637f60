// StateDict: the state of an object as tensors by name, in a form that other libraries read too.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

// What models, optimizers, sparsity algorithms and loaders save and take up. Each says which names it uses; names are
// ordered as bytes. Read by .at(name): dict[name] of a name that is not there makes an undefined tensor.
using StateDict = std::map<std::string, Tensor>;

// How a StateDict holds a sparse weight `w`. Loading takes either, mixed as they come; sparse_forms.h converts.
enum class SparseForm {
  Dense,  // w in its dense shape, 0 where pruned, and w_mask, bool, of the same shape: what other tools expect
  // Compact. Of the matrix [dim 0, the rest], which for rank 0 and 1 has one row: w.crow_indices [rows + 1] and
  // w.col_indices [nnz], both i32 where nnz is below 2^31, else both i64; w.values [nnz], row-major; and w.shape, i64
  // [rank], the dense shape.
  Csr,
};

struct StateDictOptions {
  SparseForm form = SparseForm::Dense;
};

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
