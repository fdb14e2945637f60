// How contents of files are refused.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "gossamer/error.h"
#include "runtime/check.h"
#include "runtime/json_text.h"

namespace gossamer::io {

// Who reads what: the public function that errors name, and the file, or what else the bytes are called.
struct Origin {
  std::string op;
  std::string name;

  // Throws FormatError: "op: must; 'name': given; remedy".
  [[noreturn]] void refuse(std::string_view must, std::string_view given, std::string_view remedy = {}) const {
    fail<FormatError>(op, must, fmt::format("'{}': {}", name, given), remedy);
  }
};

// A name out of a file as messages show it: in quotes, escaped, cut where it is long.
inline std::string shown(std::string_view name) {
  constexpr size_t kShown = 100;
  return rt::json_text(name.substr(0, kShown)) + (name.size() > kShown ? "..." : "");
}

// What parsing a file may take in memory: the size of the file and 12 MiB, so that what a hostile one claims costs no
// more than what it is.
class MemoryBudget {
 public:
  explicit MemoryBudget(int64_t file_bytes) : left_(file_bytes + (int64_t{12} << 20)) {}

  void take(size_t bytes, const Origin& origin) {
    left_ -= static_cast<int64_t>(bytes);
    if (left_ < 0) {
      origin.refuse("what a file lists must be small beside what it holds", "too many entries", "split the file");
    }
  }

 private:
  int64_t left_;
};

}  // namespace gossamer::io
