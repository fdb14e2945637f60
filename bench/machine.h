// Where the figures come from.
#pragma once

#include <string>

namespace gossamer::bench {

struct Machine {
  std::string cpu;  // empty when the system does not say
  int cores;
  std::string simd_target;  // of Gossamer's kernels
  std::string openblas;     // version, and the core whose kernels it runs
};

Machine machine();
// In one line.
std::string describe(const Machine& machine);

}  // namespace gossamer::bench
