#include "gossamer/sparse/group.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "gossamer/optim/optimizer.h"
#include "runtime/check.h"

namespace gossamer::sparse {

namespace {

// Matches one character against the class that starts behind '[' at pattern[at]; moves `at` behind ']'. Nothing where
// the class is not closed: '[' then stands for itself.
std::optional<bool> match_class(std::string_view pattern, size_t& at, char c) {
  size_t i = at;
  const bool negated = i < pattern.size() && pattern[i] == '!';
  if (negated) ++i;
  const size_t first = i;
  bool found = false;
  while (i < pattern.size() && (pattern[i] != ']' || i == first)) {
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      found = found || (pattern[i] <= c && c <= pattern[i + 2]);
      i += 3;
    } else {
      found = found || pattern[i] == c;
      ++i;
    }
  }
  if (i >= pattern.size()) return std::nullopt;
  at = i + 1;
  return found != negated;
}

}  // namespace

bool glob_match(const std::string& pattern, const std::string& name) {
  // Greedy with one point of return: a later * makes all earlier ones irrelevant, so time is O(pattern * name).
  size_t p = 0;
  size_t n = 0;
  size_t star = std::string::npos;
  size_t star_n = 0;
  while (n < name.size()) {
    bool matched = false;
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_n = n;
      continue;
    }
    if (p < pattern.size()) {
      size_t next = p + 1;
      if (pattern[p] == '?') {
        matched = true;
      } else if (pattern[p] == '[') {
        matched = match_class(pattern, next, name[n]).value_or(name[n] == '[');
      } else {
        matched = pattern[p] == name[n];
      }
      if (matched) {
        p = next;
        ++n;
        continue;
      }
    }
    if (star == std::string::npos) return false;
    p = star + 1;
    n = ++star_n;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

void Group::add(GroupEntry entry) {
  if (applied()) fail<StateError>("Group::add", "entries must come before model.apply(group)", "the group was applied");
  entries_.push_back(std::move(entry));
}

const GroupEntry* Group::match(const SparseParameter& parameter) const {
  const auto entry =
      std::ranges::find_if(entries_, [&](const GroupEntry& e) { return glob_match(e.glob, parameter.name()); });
  return entry == entries_.end() ? nullptr : &*entry;
}

std::vector<SparseParameter> Group::select(std::vector<SparseParameter> parameters) const {
  std::erase_if(parameters, [&](const SparseParameter& p) { return match(p) == nullptr; });
  return parameters;
}

TopologyChange Group::first_change(const SparseParameter& parameter) const {
  return match(parameter)->algorithm->first_change(parameter);
}

void Group::adopt(std::vector<SparseParameter> parameters) {
  for (const GroupEntry& entry : entries_) {
    std::vector<SparseParameter> own;
    std::ranges::copy_if(parameters, std::back_inserter(own),
                         [&](const SparseParameter& p) { return match(p) == &entry; });
    entry.algorithm->adopt(std::move(own));
  }
  SparsityAlgorithm::adopt(std::move(parameters));
}

SparsityAlgorithm& Group::operator[](size_t index) const {
  if (index >= entries_.size()) {
    fail<ConfigError>("Group", fmt::format("the index must be below {}", entries_.size()), fmt::format("{}", index));
  }
  return *entries_[index].algorithm;
}

void Group::attach(optim::Optimizer& optimizer, const std::weak_ptr<const void>& alive) {
  SparsityAlgorithm::attach(optimizer, alive);
  for (const GroupEntry& entry : entries_) entry.algorithm->attach(optimizer, alive);
}

void Group::update(optim::Optimizer* optimizer) {
  ++attachment(optimizer).time.step;
  for (const GroupEntry& entry : entries_) entry.algorithm->update(optimizer);
}

float Group::target_sparsity(const SparseParameter& parameter) const {
  for (const GroupEntry& entry : entries_) {
    for (const SparseParameter& p : entry.algorithm->sparse_params()) {
      if (p.param() == parameter.param()) return entry.algorithm->target_sparsity(p);
    }
  }
  fail<ConfigError>("Group::target_sparsity", "the parameter must belong to the group",
                    fmt::format("'{}'", parameter.name()));
}

}  // namespace gossamer::sparse
