// Prints what test_simd_environment.py looks at.
#include <cstdio>
#include <string>

#include "gossamer/runtime.h"

int main() {
  std::printf("%s\n", std::string(gossamer::simd_target()).c_str());
  for (const std::string& target : gossamer::simd_targets()) std::printf("%s\n", target.c_str());
}
