#include "gossamer/sparse/static.h"

namespace gossamer::sparse {

Static::Static(StaticOptions options)
    : PatternAlgorithm(
          "Static",
          {.sparsity = options.sparsity, .init_method = std::move(options.init_method), .seed = options.seed}) {}

void Static::update(optim::Optimizer* optimizer) { ++attachment(optimizer).time.step; }

}  // namespace gossamer::sparse
