#include "optim/saved.h"

#include <fmt/format.h>

#include <set>

#include "gossamer/error.h"
#include "runtime/check.h"

namespace gossamer::optim {

std::string label(const Parameter& p) {
  return p.name().empty() ? fmt::format("an unnamed parameter of shape {}", p.shape().to_string())
                          : fmt::format("'{}'", p.name());
}

std::vector<std::string> unique_names(std::string_view op, const std::vector<Parameter>& parameters) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (const Parameter& parameter : parameters) {
    const std::string& name = parameter.name();
    if (name.empty() || !seen.insert(name).second) {
      fail<StateError>(op, "every parameter must have a name of its own",
                       name.empty() ? "a parameter without a name" : fmt::format("two named '{}'", name),
                       "register the modules, or call Parameter::set_name");
    }
    names.push_back(name);
  }
  return names;
}

// FNV-1a over the row-major positions.
int64_t fingerprint(const CsrPattern& pattern) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto mix = [&hash](int64_t value) { hash = (hash ^ static_cast<uint64_t>(value)) * 0x100000001b3; };
  mix(pattern.rows());
  mix(pattern.cols());
  pattern.for_each([&](const SlotPosition& p) { mix(p.row * pattern.cols() + p.col); });
  return static_cast<int64_t>(hash);
}

}  // namespace gossamer::optim
