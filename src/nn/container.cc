#include "gossamer/nn/container.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/check.h"

namespace gossamer::nn {

Sequential& Sequential::append(NamedModule part) {
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
  if (index >= size()) {
    fail<ConfigError>("Sequential", fmt::format("the index must be below {}", size()), fmt::format("{}", index));
  }
  return *modules_[index].module;
}

Module& Sequential::operator[](std::string_view name) const {
  const auto found = std::ranges::find(modules_, name, &NamedModule::name);
  if (found == modules_.end()) {
    std::string names;
    for (const NamedModule& part : modules_) names += (names.empty() ? "" : ", ") + part.name;
    fail<ConfigError>("Sequential", fmt::format("the name must be one of {}", names), fmt::format("'{}'", name));
  }
  return *found->module;
}

Tensor Sequential::forward(const Tensor& x) {
  Tensor y = x;
  for (const NamedModule& part : modules_) y = part.module->forward(y);
  return y;
}

std::unique_ptr<Module> Sequential::clone() const {
  size_t count = 0;
  for (const NamedModule& part : modules_) count += part.module->parameters().size();
  if (count != parameters().size()) {
    fail<StateError>("Sequential::clone", "modules must not share parameters", "some do",
                     "construct another model and call load_state_dict");
  }
  auto copy = std::make_unique<Sequential>();
  copy->train(training());
  for (const NamedModule& part : modules_) copy->append(NamedModule{part.name, part.module->clone()});
  return copy;
}

}  // namespace gossamer::nn
