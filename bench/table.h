// The table at the end of the ratio program.
#pragma once

#include <span>
#include <string>

#include "bench/ratios.h"

namespace gossamer::bench {

// "1024x768x128"
std::string to_string(const LayerSize& size);
// "CSR forward, batch_first, 2 threads" and the like.
std::string threads_text(int threads);

// For each layout and number of threads: kernels and sizes against sparsities, geometric means, crossovers. Of other
// libraries the geometric means.
std::string ratio_table(std::span<const Ratio> ratios);

}  // namespace gossamer::bench
