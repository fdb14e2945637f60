// The warning about a parameter without connections.
#pragma once

#include "gossamer/csr_pattern.h"
#include "gossamer/sparse/sparse_parameter.h"
#include "runtime/log.h"

namespace gossamer::sparse {

inline void warn_if_empty(const SparseParameter& parameter, const CsrPattern& pattern, float sparsity) {
  if (pattern.nnz() > 0 || parameter.param().numel() == 0) return;
  rt::warn("sparsity {} leaves '{}' without a connection", sparsity, parameter.name());
}

}  // namespace gossamer::sparse
