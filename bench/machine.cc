#include "bench/machine.h"

#include <cblas.h>
#include <fmt/format.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "gossamer/runtime.h"

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

std::string describe(const Machine& m) {
  return fmt::format("{}{} cores, {}, OpenBLAS {}", m.cpu.empty() ? "" : m.cpu + ", ", m.cores, m.simd_target,
                     m.openblas);
}

}  // namespace gossamer::bench
