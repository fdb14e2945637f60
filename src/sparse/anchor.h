// What leads from an optimizer to an algorithm.
#pragma once

#include <cstdint>
#include <string>

#include "gossamer/sparse/algorithm.h"

namespace gossamer::sparse {

struct SparsityAlgorithm::Anchor {
  SparsityAlgorithm* algorithm;  // null once it is gone
  // Since it was attached, and when it went.
  int64_t last_update_step = 0;
  std::string name = {};
  bool had_updates_to_come = false;
};

}  // namespace gossamer::sparse
