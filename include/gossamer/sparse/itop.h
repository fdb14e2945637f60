// In-time over-parameterization: how much of the dense network sparse training has visited. Liu et al. 2021,
// https://arxiv.org/abs/2102.02887
//
//   sparse::InTimeOverParameterization itop(weights);
//   optimizer.after_step([&](auto&) { itop.record(); });    // after optimizer.apply(sparsity)
#pragma once

#include <cstdint>
#include <vector>

#include "gossamer/parameter.h"
#include "gossamer/state_dict.h"

#pragma GCC visibility push(default)
namespace gossamer::sparse {

// Which connections have ever been alive. It takes one bit for each position of a parameter, 1 MiB at most: up to
// kExactPositions positions the rate is exact. Of larger parameters the positions are hashed onto the bits and counted
// by how many bits are still free (linear counting, Whang et al. 1990, https://doi.org/10.1145/78922.78925): the
// standard error is 0.03 % of the figure at 8 million connections that have been alive, 0.5 % at 80 million.
class InTimeOverParameterization {
 public:
  static constexpr int64_t kExactPositions = int64_t{1} << 23;

  // Records the connections that are alive now. Throws ConfigError for an undefined parameter, or one given twice.
  explicit InTimeOverParameterization(const std::vector<Parameter>& parameters);

  // Adds those alive now, in O(nnz) of the parameters whose pattern changed since. To be called after every update.
  void record();

  // Connections of the parameter that have ever been alive, and their share of all its positions, in [0, 1]. Throw
  // ConfigError for a parameter that is not tracked.
  double num_explored(const Parameter& parameter) const;
  double rate(const Parameter& parameter) const;
  // The share of all positions of all parameters.
  double rate() const;

  bool tracks(const Parameter& parameter) const { return find(parameter) != nullptr; }

  //   explored.<parameter>   i64, the bits, 64 to a word; none where every position has been alive
  // Throws StateError unless all parameters have names that differ.
  StateDict state_dict() const;
  // Takes up a state_dict(). Throws FormatError listing everything that does not fit, before anything changes.
  void load_state_dict(const StateDict& dict);

 private:
  struct History {
    Parameter parameter;
    int64_t seen_changes = -1;  // of the pattern, when it was recorded last
    bool all = false;           // a dense or full parameter: every position has been alive
    std::vector<uint64_t> bits = {};
  };
  const History* find(const Parameter& parameter) const;
  const History& tracked(const Parameter& parameter) const;
  static double count(const History& history);

  std::vector<History> histories_;
};

}  // namespace gossamer::sparse
#pragma GCC visibility pop
