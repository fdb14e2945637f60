// Cloneable: a module that can be copied whole.
#pragma once

#include <concepts>
#include <memory>

#include "gossamer/nn/init.h"
#include "gossamer/nn/module.h"
#include "gossamer/random.h"

#pragma GCC visibility push(default)
namespace gossamer::nn {

// Gives a module its clone(): another one is constructed with the same settings, and takes over parameters, patterns,
// buffers and flags. The module, or its struct Net : Cloneable<Net>, has one of these constructors:
//   Net(const Options&, Generator&) or Net(const Options&), and a public options() that gives what it was made with
//   Net(Generator&) or Net()
// clone() throws StateError where the new module has other names or shapes.
template <class Derived>
class Cloneable : public Module {
 public:
  std::unique_ptr<Module> clone() const override {
    this->check_not_moved_from();
    std::unique_ptr<Derived> copy = construct(static_cast<const Derived&>(*this));
    copy->copy_state_from(*this);
    return copy;
  }

 private:
  static std::unique_ptr<Derived> construct(const Derived& like) {
    const init::Skip skip;
    Generator rng(0);
    if constexpr (requires { Derived(like.options(), rng); }) {
      return std::make_unique<Derived>(like.options(), rng);
    } else if constexpr (requires { Derived(like.options()); }) {
      return std::make_unique<Derived>(like.options());
    } else if constexpr (std::constructible_from<Derived, Generator&>) {
      return std::make_unique<Derived>(rng);
    } else {
      static_assert(std::default_initializable<Derived>, "see the constructors that Cloneable asks for");
      return std::make_unique<Derived>();
    }
  }
};

}  // namespace gossamer::nn
#pragma GCC visibility pop
