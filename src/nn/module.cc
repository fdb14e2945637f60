// Registration, names and modes of modules.
#include "gossamer/nn/module.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "config/nearest.h"
#include "gossamer/sparse/algorithm.h"
#include "nn/registry.h"
#include "parameter/access.h"
#include "runtime/check.h"

namespace gossamer::nn {

namespace {

constexpr std::string_view kMaskSuffix = "_mask";

// Undoes what came before it unless the rest succeeds.
template <class F>
class Rollback {
 public:
  explicit Rollback(F undo) : undo_(std::move(undo)) {}
  ~Rollback() {
    if (armed_) undo_();
  }
  Rollback(const Rollback&) = delete;
  Rollback& operator=(const Rollback&) = delete;
  void dismiss() { armed_ = false; }

 private:
  F undo_;
  bool armed_ = true;
};

}  // namespace

Module::Module() : registry_(std::make_shared<Registry>()) { registry_->self = this; }

Module::Module(Module&& other) noexcept : registry_(std::move(other.registry_)) {
  if (registry_) registry_->self = this;
}

Module& Module::operator=(Module&& other) {  // NOLINT(performance-noexcept-move-constructor): naming allocates
  if (this == &other) return *this;
  const std::shared_ptr<Registry> parent = registry_ ? registry_->parent.lock() : nullptr;
  if (registry_) registry_->self = nullptr;
  const std::shared_ptr<Registry> before = std::exchange(registry_, std::move(other.registry_));
  if (registry_) registry_->self = this;
  if (parent && registry_) {
    for (auto& [name, child] : parent->children) {
      if (child == before) child = registry_;
    }
    registry_->parent = parent;
    if (before) registry_->name = before->name;
    registry_->known.reset();
    Registry& root = parent->root();
    root.collect();
    Registry::set(root.names());
  }
  return *this;
}

Module::~Module() {
  if (registry_) registry_->self = nullptr;
}

void Module::check_not_moved_from() const {
  if (registry_) return;
  fail<StateError>("Module", "the module must hold its parts", "it was moved from", "use the one it was moved to");
}

Module::Registry& Module::registry() const {
  check_not_moved_from();
  return *registry_;
}

Module::Registry::Names Module::Registry::names() {
  std::unordered_set<const void*> seen;
  Names names;
  walk(
      [&](const std::string& at, Registry& r) {
        for (const auto& [own, p] : r.parameters) {
          if (seen.insert(p.id()).second) names.emplace_back(p, join(at, own));
        }
      },
      path());
  return names;
}

void Module::Registry::set(Names names) noexcept {
  for (auto& [p, name] : names) p.set_name(std::move(name));
}

void Module::check_name(const char* op, const std::string& name) const {
  const Registry& r = registry();
  if (name.empty() || name.find('.') != std::string::npos) {
    fail<ConfigError>(op, "a name must not be empty and must not have a dot", fmt::format("'{}'", name));
  }
  if (r.taken.contains(name)) {
    fail<ConfigError>(op, "a name must be unique within its module", fmt::format("'{}' is taken", name));
  }
}

void Module::check_entry(const char* op, const std::string& name) const {
  check_name(op, name);
  const Registry& r = registry();
  const auto is_entry = [&](const std::string& other) {
    const auto found = r.taken.find(other);
    return found != r.taken.end() && found->second == Registry::Kind::Entry;
  };
  std::string unmasked = name;
  if (unmasked.ends_with(kMaskSuffix)) unmasked.resize(unmasked.size() - kMaskSuffix.size());
  if (is_entry(name + std::string(kMaskSuffix)) || (unmasked != name && is_entry(unmasked))) {
    fail<ConfigError>(op, "a state dict keeps the mask of 'x' as 'x_mask', so only one of the two names is free",
                      fmt::format("'{}'", name));
  }
}

void Module::register_parameter(const std::string& name, const Parameter& parameter) {
  constexpr const char* kOp = "register_parameter";
  check_entry(kOp, name);
  if (!parameter.defined()) fail<StateError>(kOp, fmt::format("'{}' must be defined", name), "an undefined parameter");
  Registry& r = registry();
  r.parameters.emplace_back(name, parameter);
  Rollback undo([&] {
    r.parameters.pop_back();
    r.taken.erase(name);
  });
  r.taken.emplace(name, Registry::Kind::Entry);
  Registry& root = r.root();
  std::string full = Registry::join(r.path(), name);
  if (root.known->insert(parameter.id()).second) {
    parameter.set_name(std::move(full));
  } else {
    Registry::set(root.names());
  }
  undo.dismiss();
}

void Module::register_buffer(const std::string& name, const Tensor& buffer) {
  constexpr const char* kOp = "register_buffer";
  check_entry(kOp, name);
  if (!buffer.defined()) fail<StateError>(kOp, fmt::format("'{}' must be defined", name), "an undefined tensor");
  Registry& r = registry();
  r.buffers.emplace_back(name, buffer);
  Rollback undo([&] { r.buffers.pop_back(); });
  r.taken.emplace(name, Registry::Kind::Entry);
  undo.dismiss();
}

void Module::register_module(const std::string& name, Module& module) {
  constexpr const char* kOp = "register_module";
  check_name(kOp, name);
  Registry& r = registry();
  Registry& child = module.registry();
  if (!child.parent.expired()) {
    fail<ConfigError>(kOp, "a module belongs to one module at most", fmt::format("'{}' is registered already", name),
                      "make a second module of its parameters");
  }
  if (&r == &child || (!child.children.empty() && &r.root() == &child)) {
    fail<ConfigError>(kOp, "a module must not contain itself", fmt::format("'{}'", name));
  }
  auto& incoming = *child.root().known;
  std::string own_name = name;
  r.children.emplace_back(name, module.registry_);
  Rollback undo([&] {
    child.parent.reset();
    r.children.pop_back();
    r.taken.erase(name);
  });
  r.taken.emplace(name, Registry::Kind::Child);
  child.parent = registry_;
  child.name.swap(own_name);
  if (!incoming.empty()) {
    // The smaller set goes into the larger one, so that a tree of n parameters takes O(n log n) in all.
    Registry& root = r.root();
    const bool root_is_larger = root.known->size() >= incoming.size();
    auto& large = root_is_larger ? *root.known : incoming;
    auto& small = root_is_larger ? incoming : *root.known;
    const bool shared = std::ranges::any_of(small, [&](const void* id) { return large.contains(id); });
    Registry::Names names = (shared ? root : child).names();
    large.reserve(large.size() + small.size());
    large.merge(small);
    if (!root_is_larger) root.known->swap(incoming);
    Registry::set(std::move(names));
  }
  child.known.reset();
  undo.dismiss();
}

Tensor Module::forward(const Tensor&) {
  check_not_moved_from();
  fail<StateError>("Module::forward", "the module must override forward(x)", "it does not",
                   "call the function that it has");
}

std::unique_ptr<Module> Module::clone() const {
  fail<StateError>("Module::clone", "the module must override clone()", "it does not",
                   "derive from Cloneable, or construct another and call copy_state_from");
}

std::vector<std::pair<std::string, Parameter>> Module::named_parameters() const {
  std::vector<std::pair<std::string, Parameter>> named;
  std::unordered_set<const void*> seen;
  registry().walk([&](const std::string& path, Registry& r) {
    for (const auto& [name, p] : r.parameters) {
      if (seen.insert(p.id()).second) named.emplace_back(Registry::join(path, name), p);
    }
  });
  return named;
}

std::vector<Parameter> Module::parameters() const {
  std::vector<Parameter> all;
  for (auto& [name, p] : named_parameters()) all.push_back(std::move(p));
  return all;
}

Parameter Module::parameter(std::string_view name) const {
  std::vector<std::string> names;
  for (auto& [known, p] : named_parameters()) {
    if (known == name) return std::move(p);
    names.push_back(known);
  }
  if (names.empty()) fail<ConfigError>("Module::parameter", "the module must have parameters", "it has none");
  fail<ConfigError>("Module::parameter", "the name must be one of named_parameters()", fmt::format("'{}'", name),
                    "there are " + list_nearest({std::string(name)}, std::move(names)));
}

std::vector<std::pair<std::string, Tensor>> Module::named_buffers() const {
  std::vector<std::pair<std::string, Tensor>> named;
  registry().walk([&](const std::string& path, Registry& r) {
    for (const auto& [name, buffer] : r.buffers) named.emplace_back(Registry::join(path, name), buffer);
  });
  return named;
}

std::vector<std::pair<std::string, Module*>> Module::named_modules() {
  std::vector<std::pair<std::string, Module*>> named;
  registry().walk([&](const std::string& path, Registry& r) {
    if (r.self != nullptr) named.emplace_back(path, r.self);
  });
  return named;
}

void Module::train(bool training) {
  registry().walk([&](const std::string&, Registry& r) { r.training = training; });
}

bool Module::training() const { return registry().training; }

void Module::zero_grad() {
  for (const Parameter& p : parameters()) p.zero_grad();
}

void Module::requires_dense(bool requires_dense) {
  const std::vector<Parameter> all = parameters();
  const auto csr = std::ranges::find_if(all, [](const Parameter& p) { return p.is_csr(); });
  if (requires_dense && csr != all.end()) {
    fail<StateError>("Module::requires_dense", "the parameters must be dense still",
                     fmt::format("'{}' is CSR", csr->name()), "mark the module before model.apply(sparsity)");
  }
  for (const Parameter& p : all) p.set_requires_dense(requires_dense);
}

void Module::apply(sparse::SparsityAlgorithm& algorithm) { algorithm.apply(parameters()); }

void Module::copy_state_from(const Module& other) {
  constexpr const char* kOp = "copy_state_from";
  const auto mine = named_parameters();
  const auto theirs = other.named_parameters();
  const auto my_buffers = named_buffers();
  const auto their_buffers = other.named_buffers();
  const auto same = [](const auto& a, const auto& b) {
    return a.first == b.first && a.second.shape() == b.second.shape() && a.second.dtype() == b.second.dtype();
  };
  if (!std::ranges::equal(mine, theirs, same) || !std::ranges::equal(my_buffers, their_buffers, same)) {
    fail<StateError>(kOp, "both modules must have the same parameters and buffers",
                     "their names, shapes or dtypes differ", "construct both with the same settings");
  }
  for (size_t i = 0; i < mine.size(); ++i) ParameterAccess::copy(mine[i].second, theirs[i].second);
  for (size_t i = 0; i < my_buffers.size(); ++i) Tensor(my_buffers[i].second).copy_from(their_buffers[i].second);
  std::vector<bool> flags;
  other.registry().walk([&](const std::string&, Registry& r) { flags.push_back(r.training); });
  size_t at = 0;
  registry().walk([&](const std::string&, Registry& r) { r.training = at < flags.size() ? flags[at++] : r.training; });
}

}  // namespace gossamer::nn
