// What libFuzzer calls: the target that --target=NAME names. libFuzzer itself passes over words that begin with --.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/fuzz/target.h"

namespace {

gossamer::fuzz::Target chosen = nullptr;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  constexpr std::string_view kOption = "--target=";
  const auto& targets = gossamer::fuzz::targets();
  for (int i = 1; i < *argc; ++i) {
    const std::string_view word = (*argv)[i];
    if (!word.starts_with(kOption)) continue;
    const auto found = targets.find(word.substr(kOption.size()));
    if (found != targets.end()) chosen = found->second;
  }
  if (chosen != nullptr) return 0;
  std::fprintf(stderr, "fuzzer: --target=NAME must name one of:");
  for (const auto& [name, target] : targets) std::fprintf(stderr, " %s", name.c_str());
  std::fprintf(stderr, "\n");
  std::exit(2);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  chosen({data, size});
  return 0;
}
