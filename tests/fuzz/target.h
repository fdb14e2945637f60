// Fuzz targets: functions of arbitrary bytes that end, and leave by no exception but those they catch. libFuzzer calls
// them (fuzzer.cc), and an ordinary test does with seeds and earlier findings (replay.cc).
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "gossamer/error.h"

namespace gossamer::fuzz {

using Bytes = std::span<const uint8_t>;
using Target = void (*)(Bytes);

// All targets of the program by name.
inline std::map<std::string, Target, std::less<>>& targets() {
  static std::map<std::string, Target, std::less<>> all;
  return all;
}

inline bool add_target(const char* name, Target target) { return targets().emplace(name, target).second; }

// What a reader must call its input in messages.
inline constexpr std::string_view kName = "the-input";

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "must hold: %s\n", what);
  std::abort();
}

// Whether `read` takes its input. A refusal is a FormatError that names the input and says more.
template <class F>
bool accepts(F&& read) {
  try {
    read();
    return true;
  } catch (const FormatError& error) {
    const std::string_view message = error.what();
    require(message.find(kName) != std::string_view::npos, "a refusal names the file");
    require(message.size() > kName.size() + 20, "a refusal gives a reason");
    return false;
  }
}

inline std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// Arbitrary bytes as numbers, one after the other; 0 once they are used up.
class Draw {
 public:
  explicit Draw(Bytes bytes) : rest_(bytes) {}

  bool done() const { return rest_.empty(); }
  uint8_t byte() {
    if (rest_.empty()) return 0;
    const uint8_t value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }
  int64_t number(int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) value = value << 8 | byte();
    return static_cast<int64_t>(value);
  }

 private:
  Bytes rest_;
};

}  // namespace gossamer::fuzz

// FUZZ_TARGET(name) { ... bytes ... }
#define FUZZ_TARGET(name)                                                                           \
  static void fuzz_##name(gossamer::fuzz::Bytes bytes);                                             \
  [[maybe_unused]] static const bool added_##name = gossamer::fuzz::add_target(#name, fuzz_##name); \
  static void fuzz_##name(gossamer::fuzz::Bytes bytes)
