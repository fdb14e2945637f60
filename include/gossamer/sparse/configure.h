// configure: a Group from a configuration, with the keys of cerebras.pytorch.sparse.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "gossamer/sparse/algorithm.h"
#include "gossamer/sparse/config.h"
#include "gossamer/sparse/group.h"

#pragma GCC visibility push(default)
namespace gossamer::sparse {

// Parameters of rank 2 or more whose name, in any case, holds none of embedding, norm, lm_head and pe_helper. What
// configure() uses where there is no param_filter.
bool default_sparse_param_filter(const std::string& name, const Parameter& parameter);

// The group that a configuration describes: a number (static sparsity), a map, or a list of maps, one for each entry;
// nothing (`sparsity: null`) leaves every parameter dense.
//   algorithm      static (default), gmp, set, rigl, or a registered name, in any case; `type` is a deprecated alias
//   sparsity       required: a number, a list (it cycles), or a map with the type of a schedule and its fields;
//                  `schedule` is the same
//   param_filter   a glob or a list of globs; default_sparse_param_filter by default
//   init_method    random (default), topk, from_zeros or checkerboard
//   seed           0 by default
//   execution      how products are computed: auto, csr or dense; each parameter's own by default
//   update         gmp, set, rigl: {freq, start, stop}, {steps} or nothing for every step
//   drop_fraction  set, rigl: as sparsity; 0.3 by default
//   balance_in_groups, balance_out_groups   rigl
// docs/sparsity-beyond.md lists the other algorithms of the library and their keys.
// A map may be wrapped as {groups: [{algorithm, param_filter, params: {...}}]}, as configuration classes write it.
//
// Throws ConfigError for every mistake: the path of the key, what is allowed, what was found, and a guess for a
// misspelt key or name.
Group configure(const Config& config);

// The pieces, for the factory of a custom algorithm. `path` begins the messages.
inline Schedule make_hyperparam_schedule(const Config& config, const std::string& path = "schedule") {
  return make_schedule(config, path);
}

// Reads sparsity or schedule, init_method and seed.
SparsitySettings read_settings(ConfigReader& reader);
// Reads update; every step where it is missing.
UpdateSchedule read_update(ConfigReader& reader);

// Makes an algorithm from its map; algorithm, type and param_filter have been read.
using AlgorithmFactory = std::function<std::shared_ptr<SparsityAlgorithm>(ConfigReader& settings)>;

// From here on configure() knows `name`, in any case. Throws ConfigError for a name that is taken, an empty name or an
// empty function. Thread-safe.
void register_algorithm(const std::string& name, AlgorithmFactory make);

}  // namespace gossamer::sparse
#pragma GCC visibility pop
