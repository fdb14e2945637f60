// Patterns of weights as a picture.
#pragma once

#include <span>
#include <string>

#include "cli/pattern_counts.h"

namespace gossamer::cli {

struct HeatMap {
  std::string name;
  PatternCounts counts;
};

// An SVG of one panel for each weight: the darker a cell, the more of it is not zero; white cells have no nonzero.
std::string heat_map_svg(std::span<const HeatMap> maps);

}  // namespace gossamer::cli
