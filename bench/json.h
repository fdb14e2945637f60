// The figures of the ratio program as a file.
#pragma once

#include <span>
#include <string>

#include "bench/ratios.h"

namespace gossamer::bench {

// {"machine": {..}, "ratios": [..], "geomean": [..], "crossover": [..], "peers": [..]}, described in
// docs/benchmarks.md.
std::string ratio_json(std::span<const Ratio> ratios);

}  // namespace gossamer::bench
