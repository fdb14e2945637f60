// configure: a Group from a configuration, with the keys of cerebras.pytorch.sparse.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/sparse/algorithm.h"
#include "gossamer/sparse/config.h"
#include "gossamer/sparse/group.h"

namespace gossamer::sparse {

// Parameters of rank 2 or more whose name, in any case, holds none of embedding, norm, lm_head and pe_helper. What
// configure() uses where there is no param_filter.
bool default_sparse_param_filter(const std::string& name, const Parameter& parameter);

// The group that a configuration describes: a number (static sparsity), a map, or a list of maps, one for each entry.
//   algorithm      static (default), gmp, set, rigl, or a registered name, in any case; `type` is a deprecated alias
//   sparsity       required: a number, a list (it cycles), or a map with the type of a schedule and its fields;
//                  `schedule` is the same
//   param_filter   a glob or a list of globs; default_sparse_param_filter by default
//   init_method    random (default), topk, from_zeros or checkerboard
//   seed           0 by default
//   update         gmp, set, rigl: {freq, start, stop}, {steps} or nothing for every step
//   drop_fraction  set, rigl: as sparsity; 0.3 by default
//   balance_in_groups, balance_out_groups   rigl
// docs/sparsity-beyond.md lists the keys of the algorithms that the original has not.
// A map may be wrapped as {groups: [{algorithm, param_filter, params: {...}}]}, as configuration classes write it.
//
// Throws ConfigError for every mistake: the path of the key, what is allowed, what was found, and a guess for a
// misspelt key or name.
Group configure(const Config& config);

// The pieces, for settings of one's own. `path` begins the messages.
Schedule make_hyperparam_schedule(const Config& config, const std::string& path = "schedule");
UpdateSchedule make_update_schedule(const Config& config, const std::string& path = "update");

// Reads one map of a configuration key by key. What nobody asked for is an error in the end.
class ConfigReader {
 public:
  // Throws ConfigError unless `map` is a map without a key twice. Holds a reference to it.
  ConfigReader(const Config& map, std::string path);

  const std::string& path() const { return path_; }
  std::string path_of(std::string_view key) const;

  // Null where the key is missing.
  const Config* find(std::string_view key);
  // ConfigError where the key is missing.
  const Config& require(std::string_view key);

  // A key that is missing has the value `otherwise`, and is an error without one. Numbers must be finite.
  double number(std::string_view key, std::optional<double> otherwise = {});
  int64_t integer(std::string_view key, std::optional<int64_t> otherwise = {});
  std::string text(std::string_view key, std::optional<std::string> otherwise = {});
  Schedule schedule(std::string_view key, std::optional<Schedule> otherwise = {});

  // sparsity or schedule, init_method and seed.
  SparsitySettings settings();
  // update.
  UpdateSchedule update();

  // Throws ConfigError for a key that was not asked for.
  void finish() const;

 private:
  const ConfigMap& map_;
  std::string path_;
  std::set<std::string, std::less<>> known_;
};

// Makes an algorithm from its map; algorithm, type and param_filter have been read.
using AlgorithmFactory = std::function<std::shared_ptr<SparsityAlgorithm>(ConfigReader& settings)>;

// From here on configure() knows `name`, in any case. Throws ConfigError for a name that is taken, an empty name or an
// empty function. Thread-safe.
void register_algorithm(const std::string& name, AlgorithmFactory make);

}  // namespace gossamer::sparse
