// The settings that every algorithm has, out of a configuration.
#include <fmt/format.h>

#include "config/config_errors.h"
#include "gossamer/sparse/configure.h"
#include "runtime/check.h"

namespace gossamer::sparse {

namespace {

InitMethod read_init_method(ConfigReader& reader) {
  constexpr const char* kKey = "init_method";
  const Config* method = reader.find(kKey);
  if (method == nullptr) return random;
  if (const auto* function = method->get_if<InitMethod>()) return *function;
  return with_path(reader.path_of(kKey), [&] { return make_init_method(reader.text(kKey)); });
}

}  // namespace

SparsitySettings read_settings(ConfigReader& reader) {
  const bool named_schedule = reader.find("schedule") != nullptr;
  if (named_schedule && reader.find("sparsity") != nullptr) {
    fail<ConfigError>(reader.path(), "sparsity and schedule are the same setting", "both are given", "leave one out");
  }
  return {.sparsity = reader.schedule(named_schedule ? "schedule" : "sparsity"),
          .init_method = read_init_method(reader),
          .seed = reader.unsigned_integer("seed", 0)};
}

UpdateSchedule read_update(ConfigReader& reader) {
  const Config* found = reader.find("update");
  return found == nullptr ? UpdateSchedule() : make_update_schedule(*found, reader.path_of("update"));
}

}  // namespace gossamer::sparse
