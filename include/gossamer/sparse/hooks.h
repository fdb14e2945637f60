// Functions that an algorithm calls at each of its steps.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace gossamer::sparse {

class SparsityAlgorithm;

using SparsityHook = std::function<void(const SparsityAlgorithm& algorithm, const std::string& name, float sparsity)>;

// Hooks in the order in which they were registered.
struct HookList {
  uint64_t next = 0;
  std::map<uint64_t, SparsityHook> hooks = {};
};

// Takes a hook away again. It may outlive the algorithm; a second remove() does nothing.
class RemovableHandle {
 public:
  RemovableHandle() = default;
  // Throws ConfigError for an empty function.
  RemovableHandle(const std::shared_ptr<HookList>& list, SparsityHook hook);

  void remove();
  // Removes what `other` removes, too.
  void extend(RemovableHandle other);

 private:
  std::vector<std::pair<std::weak_ptr<HookList>, uint64_t>> hooks_;
};

}  // namespace gossamer::sparse
#pragma GCC visibility pop
