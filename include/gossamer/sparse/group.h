// Group: different algorithms for different parameters.
#pragma once

#include <concepts>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/sparse/algorithm.h"

namespace gossamer::sparse {

// Whether `name` matches a glob: * any run of characters, ? one character, [abc] [a-z] one of, [!abc] none of. Case
// counts, dots are ordinary characters, and the whole name must match.
bool glob_match(const std::string& pattern, const std::string& name);

class Group;

// A glob and the algorithm for the parameters whose name matches.
struct GroupEntry {
  template <std::derived_from<SparsityAlgorithm> A>
  requires(!std::same_as<A, Group>) GroupEntry(std::string glob_, A algorithm_)
      : glob(std::move(glob_)), algorithm(std::make_shared<A>(std::move(algorithm_))) {}

  std::string glob;
  std::shared_ptr<SparsityAlgorithm> algorithm;
};

// Each parameter goes to the first entry whose glob matches its name; one that none matches stays dense.
class Group final : public SparsityAlgorithm {
 public:
  Group() = default;
  Group(std::initializer_list<GroupEntry> entries) : entries_(entries) {}

  // Before the group is applied (StateError after).
  void add(GroupEntry entry);
  size_t size() const { return entries_.size(); }
  // Throws ConfigError where there is no such entry.
  SparsityAlgorithm& operator[](size_t index) const;

  // Updates every algorithm that has parameters of this optimizer.
  void update(optim::Optimizer* optimizer = nullptr) override;
  float target_sparsity(const SparseParameter& parameter) const override;

 protected:
  std::vector<SparseParameter> select(std::vector<SparseParameter> parameters) const override;
  TopologyChange first_change(const SparseParameter& parameter) const override;
  void adopt(std::vector<SparseParameter> parameters) override;
  void attach(optim::Optimizer& optimizer, const std::weak_ptr<const void>& alive) override;

 private:
  // The first entry whose glob matches; null where none does.
  const GroupEntry* match(const SparseParameter& parameter) const;

  std::vector<GroupEntry> entries_;
};

}  // namespace gossamer::sparse
