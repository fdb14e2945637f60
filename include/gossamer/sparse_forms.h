// From one form of sparse weights in a StateDict (SparseForm, state_dict.h) to the other.
#pragma once

#include <string>
#include <vector>

#include "gossamer/state_dict.h"

#pragma GCC visibility push(default)
namespace gossamer {

struct ToCsrOptions {
  // Globs (glob.h) of weights without a mask whose zeros are pruned: f32 or f64 of rank 2 or more; others stay as they
  // are.
  std::vector<std::string> from_zeros = {};
};

// The dict with every pair of w and w_mask in CSR form; all other entries are those of `dict`, whose storage they
// share. Warns about values other than 0 where a mask is 0, which are dropped. Throws FormatError that lists all
// faults: a mask of another shape, a byte of a mask other than 0 and 1, a weight in both forms.
StateDict to_csr_form(const StateDict& dict, const ToCsrOptions& options = {});

// The inverse: every weight in CSR form becomes w and w_mask, of w.shape. Throws FormatError that lists all faults of
// the CSR entries: siblings or shape missing, lengths or types that do not agree, row pointers or columns that are no
// pattern, a weight in both forms.
StateDict to_dense_form(const StateDict& dict);

}  // namespace gossamer
#pragma GCC visibility pop
