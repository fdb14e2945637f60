#include "gossamer/sparse/sparsity.h"

#include <fmt/format.h>

#include <vector>

#include "gossamer/glob.h"
#include "runtime/check.h"

namespace gossamer::sparse {

const Schedule& Sparsity::of(const std::string& name) const {
  if (const auto found = by_name_.find(name); found != by_name_.end()) return found->second;
  const ByName::value_type* match = nullptr;
  for (const auto& entry : by_name_) {
    if (!glob_match(entry.first, name)) continue;
    if (match != nullptr) {
      fail<ConfigError>("sparsity", "one glob at most may take a parameter",
                        fmt::format("'{}' and '{}' take '{}'", match->first, entry.first, name),
                        "give the parameter by its name");
    }
    match = &entry;
  }
  if (match != nullptr) return match->second;
  if (otherwise_) return *otherwise_;
  std::vector<std::string> names;
  for (const auto& [known, schedule] : by_name_) names.push_back(known);
  fail<ConfigError>("sparsity", "every parameter of the algorithm must have a schedule",
                    fmt::format("'{}' has none, only {}", name, fmt::join(names, ", ")),
                    "add it, or a schedule for all others");
}

}  // namespace gossamer::sparse
