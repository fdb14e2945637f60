// Registration, names and modes of modules.
#include "gossamer/nn/module.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "gossamer/sparse/algorithm.h"
#include "nn/registry.h"
#include "runtime/check.h"

namespace gossamer::nn {

namespace {

constexpr std::string_view kMaskSuffix = "_mask";

// Whether one name is that of the other's mask in a state dict.
bool is_mask_of(const std::string& a, const std::string& b) {
  const auto& [shorter, longer] = std::minmax(a, b, [](const auto& x, const auto& y) { return x.size() < y.size(); });
  return longer.size() == shorter.size() + kMaskSuffix.size() && longer.starts_with(shorter) &&
         longer.ends_with(kMaskSuffix);
}

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
    update_names();
  }
  return *this;
}

Module::~Module() {
  if (registry_) registry_->self = nullptr;
}

Module::Registry& Module::registry() const {
  if (!registry_)
    fail<StateError>("Module", "the module must hold its parts", "it was moved from", "use the one it was moved to");
  return *registry_;
}

void Module::update_names() const {
  std::shared_ptr<Registry> root = registry_;
  while (const auto parent = root->parent.lock()) root = parent;
  std::set<const void*> seen;
  root->walk([&](const std::string& path, Registry& r) {
    for (const auto& [name, p] : r.parameters) {
      if (seen.insert(p.id()).second) p.set_name(Registry::join(path, name));
    }
  });
}

void Module::check_name(const char* op, const std::string& name) const {
  const Registry& r = registry();
  if (name.empty() || name.find('.') != std::string::npos) {
    fail<ConfigError>(op, "a name must not be empty and must not have a dot", fmt::format("'{}'", name));
  }
  const auto taken = [&](const auto& entry) { return entry.first == name; };
  if (std::ranges::any_of(r.parameters, taken) || std::ranges::any_of(r.buffers, taken) ||
      std::ranges::any_of(r.children, taken)) {
    fail<ConfigError>(op, "a name must be unique within its module", fmt::format("'{}' is taken", name));
  }
}

void Module::check_entry(const char* op, const std::string& name) const {
  check_name(op, name);
  const Registry& r = registry();
  const auto mixed_up = [&](const auto& entry) { return is_mask_of(entry.first, name); };
  if (std::ranges::any_of(r.parameters, mixed_up) || std::ranges::any_of(r.buffers, mixed_up)) {
    fail<ConfigError>(op, "a state dict keeps the mask of 'x' as 'x_mask', so only one of the two names is free",
                      fmt::format("'{}'", name));
  }
}

void Module::register_parameter(const std::string& name, const Parameter& parameter) {
  constexpr const char* kOp = "register_parameter";
  check_entry(kOp, name);
  if (!parameter.defined()) fail<StateError>(kOp, fmt::format("'{}' must be defined", name), "an undefined parameter");
  registry().parameters.emplace_back(name, parameter);
  update_names();
}

void Module::register_buffer(const std::string& name, const Tensor& buffer) {
  constexpr const char* kOp = "register_buffer";
  check_entry(kOp, name);
  if (!buffer.defined()) fail<StateError>(kOp, fmt::format("'{}' must be defined", name), "an undefined tensor");
  registry().buffers.emplace_back(name, buffer);
}

void Module::register_module(const std::string& name, Module& module) {
  constexpr const char* kOp = "register_module";
  check_name(kOp, name);
  if (!module.registry().parent.expired()) {
    fail<ConfigError>(kOp, "a module belongs to one module at most", fmt::format("'{}' is registered already", name),
                      "make a second module of its parameters");
  }
  for (auto r = registry_; r; r = r->parent.lock()) {
    if (r == module.registry_) fail<ConfigError>(kOp, "a module must not contain itself", fmt::format("'{}'", name));
  }
  registry().children.emplace_back(name, module.registry_);
  module.registry().parent = registry_;
  update_names();
}

Tensor Module::forward(const Tensor&) {
  fail<StateError>("Module::forward", "the module must override forward(x)", "it does not",
                   "call the function that it has");
}

std::unique_ptr<Module> Module::clone() const {
  fail<StateError>("Module::clone", "the module must override clone()", "it does not",
                   "construct another and call copy_state_from");
}

std::vector<std::pair<std::string, Parameter>> Module::named_parameters() const {
  std::vector<std::pair<std::string, Parameter>> named;
  std::set<const void*> seen;
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
  for (size_t i = 0; i < mine.size(); ++i) {
    const Parameter& to = mine[i].second;
    const Parameter& from = theirs[i].second;
    to.assign(from.dense(), from.pattern());
    to.set_forward_pattern(from.forward_pattern());
    to.set_requires_grad(from.requires_grad());
    to.set_requires_dense(from.requires_dense());
  }
  for (size_t i = 0; i < my_buffers.size(); ++i) Tensor(my_buffers[i].second).copy_from(their_buffers[i].second);
  std::vector<bool> flags;
  other.registry().walk([&](const std::string&, Registry& r) { flags.push_back(r.training); });
  size_t at = 0;
  registry().walk([&](const std::string&, Registry& r) { r.training = at < flags.size() ? flags[at++] : r.training; });
}

}  // namespace gossamer::nn
