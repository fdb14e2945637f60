// Sequential: modules one after the other. ModuleList: modules in a list.
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

namespace container_detail {

// The module as what it is; refuse() throws where it is no M.
template <std::derived_from<Module> M, class Refuse>
M& as_type(Module& module, const Refuse& refuse) {
  M* const typed = dynamic_cast<M*>(&module);
  if (typed == nullptr) refuse();
  return *typed;
}

}  // namespace container_detail

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
  // The same as what it is, for members that Module has not: get<Linear>("fc1"). Throws ConfigError where it is not an
  // M.
  template <std::derived_from<Module> M>
  M& get(size_t index) const {
    return container_detail::as_type<M>((*this)[index], [&] { refuse_type(std::to_string(index)); });
  }
  template <std::derived_from<Module> M>
  M& get(std::string_view name) const {
    return container_detail::as_type<M>((*this)[name], [&] { refuse_type(name); });
  }

  Tensor forward(const Tensor& x) override;
  // Throws StateError where modules share a parameter: their clones would not.
  std::unique_ptr<Module> clone() const override;

 private:
  [[noreturn]] static void refuse_type(std::string_view name);

  std::vector<NamedModule> modules_;
};

// Modules in a list, called by the module that holds it: it has no forward of its own. It owns its modules; their names
// are their positions: "0", "1", ...
//
//   struct Net : nn::Cloneable<Net> {
//     nn::ModuleList blocks;
//     explicit Net(Generator& rng) {
//       for (int i = 0; i < 4; ++i) blocks.append(nn::Linear({.in = 64, .out = 64}, rng));
//       register_module("blocks", blocks);
//     }
//     Tensor forward(const Tensor& x) override {
//       Tensor y = x;
//       for (nn::Module& block : blocks) y = relu(block(y));
//       return y;
//     }
//   };
class ModuleList final : public Module {
 public:
  // Goes through the modules in their order.
  class Iterator {
   public:
    using Base = std::vector<std::unique_ptr<Module>>::const_iterator;
    explicit Iterator(Base at) : at_(at) {}
    Module& operator*() const { return **at_; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }

   private:
    Base at_;
  };

  ModuleList() = default;

  // Throws what register_module throws, and StateError for a null pointer.
  ModuleList& append(std::unique_ptr<Module> module);
  template <std::derived_from<Module> M>
  ModuleList& append(M module) {
    return append(std::unique_ptr<Module>(std::make_unique<M>(std::move(module))));
  }

  size_t size() const { return modules_.size(); }
  // Throws ConfigError where there is no such module.
  Module& operator[](size_t index) const;
  // The same as what it is, for members that Module has not. Throws ConfigError where it is not an M.
  template <std::derived_from<Module> M>
  M& get(size_t index) const {
    return container_detail::as_type<M>((*this)[index], [&] { refuse_type(index); });
  }
  Iterator begin() const { return Iterator(modules_.begin()); }
  Iterator end() const { return Iterator(modules_.end()); }

  // Throws StateError where modules share a parameter: their clones would not.
  std::unique_ptr<Module> clone() const override;

 private:
  [[noreturn]] static void refuse_type(size_t index);

  std::vector<std::unique_ptr<Module>> modules_;
};

}  // namespace gossamer::nn
#pragma GCC visibility pop
