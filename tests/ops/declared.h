// Which functions the public headers declare: so that what tests leave out is noticed when it comes to exist.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "tests/support/golden.h"

namespace gossamer {

// Names of the functions of include/gossamer that return a value of a type matching the regular expression.
inline std::set<std::string> declared_functions(const std::string& type) {
  std::set<std::string> names;
  const std::regex declaration(R"((?:^|\n)(?:\[\[nodiscard\]\] )?(?:inline )?(?:)" + type + R"() (\w+)\()");
  const auto include = golden::directory().parent_path().parent_path() / "include" / "gossamer";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(include)) {
    if (entry.path().extension() != ".h") continue;
    std::ifstream file(entry.path());
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    for (std::sregex_iterator it(text.begin(), text.end(), declaration), end; it != end; ++it) names.insert((*it)[1]);
  }
  return names;
}

}  // namespace gossamer
