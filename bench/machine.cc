#include "bench/machine.h"

#include <cblas.h>
#include <fmt/format.h>

#include <cstdint>
#include <fstream>
#include <sstream>
#include <thread>

#include "gossamer/error.h"
#include "gossamer/runtime.h"
#include "hwy/targets.h"
#include "runtime/check.h"

namespace gossamer::bench {

namespace {

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return {};
}

// "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ... SkylakeX MAX_THREADS=64" says the version in its second word.
std::string openblas() {
  std::istringstream words(openblas_get_config());
  std::string word, version;
  words >> word >> version;
  return fmt::format("{} {}", version, openblas_get_corename());
}

}  // namespace

Machine machine() {
  return {cpu_name(), static_cast<int>(std::thread::hardware_concurrency()), std::string(simd_target()), openblas()};
}

// A target is a bit, and better ones have lower bits.
std::vector<std::string> simd_targets() {
  std::vector<std::string> names;
  for (int64_t left = hwy::SupportedTargets(); left != 0; left &= left - 1) {
    const int64_t target = left & -left;
    if (target != HWY_SCALAR && target != HWY_EMU128) names.emplace_back(hwy::TargetName(target));
  }
  return names;
}

void limit_simd_target(const std::string& name) {
  for (int64_t left = hwy::SupportedTargets(); left != 0; left &= left - 1) {
    const int64_t target = left & -left;
    if (hwy::TargetName(target) != name) continue;
    hwy::DisableTargets(target - 1);
    return;
  }
  fail<ConfigError>("--simd", fmt::format("must be among: {}", fmt::join(simd_targets(), ", ")),
                    fmt::format("'{}'", name));
}

std::string describe(const Machine& m) {
  return fmt::format("{}{} cores, {}, OpenBLAS {}", m.cpu.empty() ? "" : m.cpu + ", ", m.cores, m.simd_target,
                     m.openblas);
}

}  // namespace gossamer::bench
