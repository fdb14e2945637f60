// The part of cosine_embedding_loss that looks at one cosine at a time.
#pragma once

#include "gossamer/ops/loss.h"

namespace gossamer {

// 1 - c for cosines c whose sign is 1, max(0, c - margin) where it is -1, reduced. One shape and dtype; only the
// cosines take a gradient.
Tensor loss_of_cosine(const char* op, const Tensor& cosine, const Tensor& sign, double margin, Reduction reduction);

}  // namespace gossamer
