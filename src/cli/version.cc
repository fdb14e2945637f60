#include "cli/version.h"

#include <fmt/format.h>

#include <sstream>

#include "gossamer/runtime.h"
#include "gossamer/version.h"

// Of OpenBLAS's cblas.h, which the program needs nothing else of.
extern "C" {
char* openblas_get_config();
char* openblas_get_corename();
}

namespace gossamer::cli {

std::string version_text() {
  // "OpenBLAS 0.3.21 NO_LAPACKE ..." says the version in its second word.
  std::istringstream words(openblas_get_config());
  std::string word, openblas;
  words >> word >> openblas;
  return fmt::format("gossamer {}\nSIMD target: {}\nOpenBLAS: {}, {}", version(), simd_target(), openblas,
                     openblas_get_corename());
}

}  // namespace gossamer::cli
