// The table at the end of the ratio program.
#pragma once

#include <span>
#include <string>

#include "bench/ratios.h"

namespace gossamer::bench {

// "1 thread", "2 threads"
std::string threads_text(int threads);

// For each layout and number of threads, few samples apart: kernels and sizes against sparsities, geometric means,
// crossovers. Of other libraries the geometric means.
std::string ratio_table(std::span<const Ratio> ratios);

}  // namespace gossamer::bench
