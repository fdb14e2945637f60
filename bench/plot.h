// The plot of the ratio program.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "bench/ratios.h"

namespace gossamer::bench {

// An SVG image: speedup against sparsity, a panel for each layout and number of threads, a line for each kernel, and
// the ideal 1 / (1 - sparsity). The sparsity axis is logarithmic in the density, which makes the ideal a straight line.
// `machine` stands below the title.
std::string ratio_plot(std::span<const GeometricMean> means, std::string_view machine);

}  // namespace gossamer::bench
