// DropAndGrow: what the rules that drop and grow have in common, as SET and RigL.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gossamer/sparse/dynamic.h"

#pragma GCC visibility push(default)
namespace gossamer::sparse {

struct Groups;

// What growth has to fill after the drop.
struct Vacancy {
  const std::vector<int64_t>& kept;  // the connections that stay: row-major positions, ascending
  const Groups& groups;
  std::vector<int64_t> missing;  // connections to grow in each group, at least 0
};

// An update keeps the best connections and grows others among the absent, those just dropped included.
// The rules differ in one or two of the methods below.
class DropAndGrow : public DynamicSparsityAlgorithm {
 protected:
  // Throws ConfigError for a drop fraction that begins outside [0, 1].
  DropAndGrow(std::string name, SparsitySettings settings, UpdateSchedule update, Schedule drop_fraction);

  // The whole parameter is one group unless overridden.
  virtual Groups groups(const Parameter& parameter) const;
  // Connections that each group keeps, at most, of a parameter that has nnz of them; int((1 - drop_fraction) * (nnz /
  // groups)) unless overridden. Nothing but the counts of the parameter may matter: they are foreseen by it.
  virtual int64_t num_to_keep(const Parameter& parameter, int64_t nnz, const PlanContext& context) const;
  // What the drop ranks connections by: an array aligned with values(), the largest magnitudes of which stay. The
  // values unless overridden.
  virtual Tensor drop_scores(const Parameter& parameter) const { return parameter.values(); }
  // The positions to grow, in any order; nothing leaves the pattern alone. Where the dense gradient is largest unless
  // overridden, and nothing where it is not finite.
  virtual std::optional<std::vector<int64_t>> grow(const SparseParameter& parameter, const PlanContext& context,
                                                   const Vacancy& vacancy) const;
  // True for growth by gradient.
  bool wants_dense_gradient() const override { return true; }

  // Grows up to int((1 - sparsity) * n) connections in each group of n elements.
  TopologyChange plan(const SparseParameter& parameter, const PlanContext& context) override;
  // Grows `missing` connections in each group, up to the sparsity where it is not given.
  TopologyChange drop_and_grow(const SparseParameter& parameter, const PlanContext& context,
                               std::optional<int64_t> missing = {}) const;

  // None where a function is to be asked, or the updates are many.
  std::optional<End> foresee_end(const std::vector<SparseParameter>& parameters) const override;

  const Schedule& drop_fraction() const { return drop_fraction_; }

 private:
  Schedule drop_fraction_;
};

}  // namespace gossamer::sparse
#pragma GCC visibility pop
