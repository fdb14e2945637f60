// What a module registered: shared by the module, wherever it moves, and the module that it is registered in.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "gossamer/nn/module.h"

namespace gossamer::nn {

struct Module::Registry {
  enum class Kind { Entry, Child };  // a parameter or buffer, or a module

  Module* self = nullptr;  // null when the module is gone
  std::weak_ptr<Registry> parent;
  std::string name;  // in the parent
  bool training = true;
  std::vector<std::pair<std::string, Parameter>> parameters;
  std::vector<std::pair<std::string, Tensor>> buffers;
  std::vector<std::pair<std::string, std::shared_ptr<Registry>>> children;
  std::unordered_map<std::string, Kind> taken;  // the names of all these
  // At the root of a tree, the parameters in it; none where this one is no root, or became one again when its parent
  // went. It tells whether what is registered comes under a second name: otherwise names elsewhere in the tree stay,
  // and registering takes no time for them.
  std::optional<std::unordered_set<const void*>> known{std::in_place};

  // The root, with `known`.
  Registry& root() {
    Registry* r = this;
    for (auto up = r->parent.lock(); up; up = r->parent.lock()) r = up.get();
    if (!r->known) r->collect();
    return *r;
  }
  void collect() {
    std::unordered_set<const void*> all;
    walk([&](const std::string&, Registry& r) {
      for (const auto& [own, p] : r.parameters) all.insert(p.id());
    });
    known = std::move(all);
  }

  // The name of this one from the root on; "" for the root.
  std::string path() const {
    std::vector<std::string_view> names;
    const Registry* r = this;
    for (auto up = r->parent.lock(); up; up = r->parent.lock()) {
      names.push_back(r->name);
      r = up.get();
    }
    std::string path;
    for (auto part = names.rbegin(); part != names.rend(); ++part) {
      if (!path.empty()) path += '.';
      path += *part;
    }
    return path;
  }

  // Calls f(path, registry) for this one and its descendants, each before its children. The path of this one is "".
  template <class F>
  void walk(F&& f, std::string path = "") {
    visit(f, path);
  }

  // The parameters of this one and its descendants with their paths from the root; the first where one comes twice.
  using Names = std::vector<std::pair<Parameter, std::string>>;
  Names names();
  static void set(Names names) noexcept;

  // Nothing is copied where f does not: modules without parameters take no time for names.
  template <class F>
  void visit(F& f, std::string& path) {
    f(std::as_const(path), *this);
    const size_t size = path.size();
    for (const auto& [own, child] : children) {
      if (size > 0) path += '.';
      path += own;
      child->visit(f, path);
      path.resize(size);
    }
  }

  // Module::to_string(), its lines after the first by `indent` to the right.
  std::string to_string(size_t indent) const;

  // "fc1" and "weight" make "fc1.weight".
  static std::string join(const std::string& path, const std::string& name) {
    return path.empty() ? name : path + "." + name;
  }
};

}  // namespace gossamer::nn
