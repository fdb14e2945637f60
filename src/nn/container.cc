#include "gossamer/nn/container.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "runtime/check.h"

namespace gossamer::nn {

namespace {

void check_shared(const char* op, size_t parameters_of_parts, size_t parameters) {
  if (parameters_of_parts == parameters) return;
  fail<StateError>(op, "modules must not share parameters", "some do",
                   "construct another model and call load_state_dict");
}

}  // namespace

Sequential& Sequential::append(NamedModule part) {
  check_not_moved_from();
  if (!part.module)
    fail<StateError>("Sequential", "a part must hold a module", fmt::format("'{}' holds none", part.name));
  modules_.push_back(std::move(part));
  try {
    register_module(modules_.back().name, *modules_.back().module);
  } catch (...) {
    modules_.pop_back();
    throw;
  }
  return *this;
}

Module& Sequential::operator[](size_t index) const {
  check_not_moved_from();
  if (index >= size()) {
    fail<ConfigError>("Sequential", fmt::format("the index must be below {}", size()), fmt::format("{}", index));
  }
  return *modules_[index].module;
}

Module& Sequential::operator[](std::string_view name) const {
  check_not_moved_from();
  const auto found = std::ranges::find(modules_, name, &NamedModule::name);
  if (found == modules_.end()) {
    std::string names;
    for (const NamedModule& part : modules_) names += (names.empty() ? "" : ", ") + part.name;
    fail<ConfigError>("Sequential", fmt::format("the name must be one of {}", names), fmt::format("'{}'", name));
  }
  return *found->module;
}

void Sequential::refuse_type(std::string_view name) {
  fail<ConfigError>("Sequential", fmt::format("module '{}' must be of the type asked for", name), "it is of another");
}

Tensor Sequential::forward(const Tensor& x) {
  Tensor y = x;
  for (const NamedModule& part : modules_) y = part.module->forward(y);
  return y;
}

std::unique_ptr<Module> Sequential::clone() const {
  check_not_moved_from();
  size_t count = 0;
  for (const NamedModule& part : modules_) count += part.module->parameters().size();
  check_shared("Sequential::clone", count, parameters().size());
  auto copy = std::make_unique<Sequential>();
  copy->train(training());
  for (const NamedModule& part : modules_) copy->append(NamedModule{part.name, part.module->clone()});
  return copy;
}

ModuleList& ModuleList::append(std::unique_ptr<Module> module) {
  check_not_moved_from();
  if (!module) fail<StateError>("ModuleList", "an element must be a module", "a null pointer");
  modules_.push_back(std::move(module));
  try {
    register_module(std::to_string(size() - 1), *modules_.back());
  } catch (...) {
    modules_.pop_back();
    throw;
  }
  return *this;
}

Module& ModuleList::operator[](size_t index) const {
  check_not_moved_from();
  if (index >= size()) {
    fail<ConfigError>("ModuleList", fmt::format("the index must be below {}", size()), fmt::format("{}", index));
  }
  return *modules_[index];
}

void ModuleList::refuse_type(size_t index) {
  fail<ConfigError>("ModuleList", fmt::format("module {} must be of the type asked for", index), "it is of another");
}

std::unique_ptr<Module> ModuleList::clone() const {
  check_not_moved_from();
  size_t count = 0;
  for (const Module& module : *this) count += module.parameters().size();
  check_shared("ModuleList::clone", count, parameters().size());
  auto copy = std::make_unique<ModuleList>();
  copy->train(training());
  for (const Module& module : *this) copy->append(module.clone());
  return copy;
}

}  // namespace gossamer::nn
