#include "gossamer/nn/freeze.h"

#include "gossamer/csr_pattern.h"
#include "gossamer/parameter.h"
#include "tensor/csr/stream.h"

namespace gossamer::nn {

void freeze(Module& module) {
  module.eval();
  for (const Parameter& p : module.parameters()) {
    p.zero_grad();
    p.set_requires_grad(false);
    if (p.is_csr()) CsrPatternAccess::drop_transposed(*p.pattern());
  }
}

void unfreeze(Module& module) {
  module.train();
  for (const Parameter& p : module.parameters()) p.set_requires_grad(true);
}

}  // namespace gossamer::nn
