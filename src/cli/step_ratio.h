// Time of a training step with dense weights against CSR weights.
#pragma once

#include <cstdint>
#include <vector>

#include "gossamer/data/dataset.h"

namespace gossamer::cli {

struct StepRatio {
  double sparsity = 0;  // of fc1 and fc2; the last layer is dense
  double dense_ms = 0;  // medians
  double csr_ms = 0;
  double ratio() const { return dense_ms / csr_ms; }
};

// Whole steps (forward, loss, backward, AdamW) of the demo's network on `batch`, for sparsities from 50 to 99 %. Dense
// and CSR steps alternate, so that whatever else the machine does meets both.
std::vector<StepRatio> measure_step_ratios(const data::Batch& batch, uint64_t seed);

}  // namespace gossamer::cli
