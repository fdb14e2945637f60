// What leads from an optimizer to an algorithm.
#pragma once

#include "gossamer/sparse/algorithm.h"

namespace gossamer::sparse {

struct SparsityAlgorithm::Anchor {
  SparsityAlgorithm* algorithm;
};

}  // namespace gossamer::sparse
