// The warning about a parameter without connections.
#pragma once

#include "gossamer/csr_pattern.h"
#include "gossamer/sparse/sparse_parameter.h"
#include "runtime/log.h"

namespace gossamer::sparse {

// One that has none already was warned about.
inline void warn_if_empty(const SparseParameter& parameter, const CsrPattern& pattern, float sparsity) {
  const Parameter& p = parameter.param();
  if (pattern.nnz() > 0 || p.numel() == 0 || (p.is_csr() && p.nnz() == 0)) return;
  rt::warn("sparsity {} leaves '{}' without a connection", sparsity, parameter.name());
}

}  // namespace gossamer::sparse
