// Where the figures come from.
#pragma once

#include <string>
#include <vector>

namespace gossamer::bench {

struct Machine {
  std::string cpu;  // empty when the system does not say
  int cores;
  std::string simd_target;  // of Gossamer's kernels
  std::string openblas;     // version, and the core whose kernels it runs
};

Machine machine();
// Names of the SIMD targets that the kernels may run on here, the best first.
std::vector<std::string> simd_targets();
// Keeps the kernels from better targets than the named one, which simd_targets() must have (ConfigError). Before the
// first product.
void limit_simd_target(const std::string& name);

// In one line.
std::string describe(const Machine& machine);

}  // namespace gossamer::bench
