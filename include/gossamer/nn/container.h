// Sequential: modules one after the other.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "gossamer/nn/module.h"

#pragma GCC visibility push(default)
namespace gossamer::nn {

// A module with the name that it gets in a Sequential; made by named().
struct NamedModule {
  std::string name;
  std::unique_ptr<Module> module;
};

// named("fc1", Linear({.in = 784, .out = 10}, rng))
template <std::derived_from<Module> M>
NamedModule named(std::string name, M module) {
  return {std::move(name), std::make_unique<M>(std::move(module))};
}

// What Sequential is built from: modules by value, and named ones.
template <class P>
concept SequentialPart =
    !std::is_lvalue_reference_v<P> && (std::derived_from<P, Module> || std::same_as<P, NamedModule>);

// Gives each module the output of the one before it; without modules, forward returns x. It owns its modules. One that
// has no name is called by its position: "0", "1", ... Where several parts draw from one Generator, write
// Sequential{...}: only braces make C++ evaluate the parts in their order, and so the same seed mean the same model.
class Sequential final : public Module {
 public:
  Sequential() = default;
  // Throws ConfigError for a name that comes twice, is empty or has a dot.
  template <SequentialPart... Parts>
  explicit Sequential(Parts&&... parts) {
    (append(std::move(parts)), ...);
  }

  template <std::derived_from<Module> M>
  Sequential& append(M module) {
    return append(named(std::to_string(size()), std::move(module)));
  }
  Sequential& append(NamedModule part);

  size_t size() const { return modules_.size(); }
  // Throw ConfigError where there is no such module.
  Module& operator[](size_t index) const;
  Module& operator[](std::string_view name) const;

  Tensor forward(const Tensor& x) override;
  // Throws StateError where modules share a parameter: their clones would not.
  std::unique_ptr<Module> clone() const override;

 private:
  std::vector<NamedModule> modules_;
};

}  // namespace gossamer::nn
#pragma GCC visibility pop
