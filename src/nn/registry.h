// What a module registered: shared by the module, wherever it moves, and the module that it is registered in.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/nn/module.h"

namespace gossamer::nn {

struct Module::Registry {
  Module* self = nullptr;  // null when the module is gone
  std::weak_ptr<Registry> parent;
  bool training = true;
  std::vector<std::pair<std::string, Parameter>> parameters;
  std::vector<std::pair<std::string, Tensor>> buffers;
  std::vector<std::pair<std::string, std::shared_ptr<Registry>>> children;

  // Calls f(path, registry) for this one and its descendants, each before its children. The path of this one is "".
  template <class F>
  void walk(F&& f, const std::string& path = "") {
    f(path, *this);
    for (const auto& [name, child] : children) child->walk(f, join(path, name));
  }

  // "fc1" and "weight" make "fc1.weight".
  static std::string join(const std::string& path, const std::string& name) {
    return path.empty() ? name : path + "." + name;
  }
};

}  // namespace gossamer::nn
