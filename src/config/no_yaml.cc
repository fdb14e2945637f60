// Stands for yaml.cc in a build without yaml-cpp.
#include "gossamer/config.h"
#include "runtime/check.h"

namespace gossamer {

Config parse_yaml(const std::string&, const YamlLimits&) {
  fail<StateError>("parse_yaml", "the library must be built with YAML", "it was built without yaml-cpp",
                   "install it and configure with -Dyaml=enabled");
}

Config load_yaml(const std::string& path, const YamlLimits& limits) { return parse_yaml(path, limits); }

}  // namespace gossamer
