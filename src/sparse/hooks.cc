#include "gossamer/sparse/hooks.h"

#include "runtime/check.h"

namespace gossamer::sparse {

RemovableHandle::RemovableHandle(const std::shared_ptr<HookList>& list, SparsityHook hook) {
  if (!hook) fail<ConfigError>("register_hook", "the hook must be callable", "an empty function");
  hooks_.emplace_back(list, list->next);
  list->hooks.emplace(list->next++, std::move(hook));
}

void RemovableHandle::remove() {
  for (const auto& [weak, id] : hooks_) {
    if (const auto list = weak.lock()) list->hooks.erase(id);
  }
  hooks_.clear();
}

void RemovableHandle::extend(RemovableHandle other) {
  hooks_.insert(hooks_.end(), other.hooks_.begin(), other.hooks_.end());
}

}  // namespace gossamer::sparse
