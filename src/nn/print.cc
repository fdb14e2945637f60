// Modules as text.
#include <cxxabi.h>
#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <ostream>
#include <string>
#include <typeinfo>

#include "gossamer/nn/module.h"
#include "nn/registry.h"
#include "parameter/access.h"
#include "tensor/format.h"

namespace gossamer::nn {

namespace {

// The class without its namespaces, or the functions that it stands in; template arguments stay.
std::string type_name(const Module* module) {
  if (module == nullptr) return "a module that is gone";
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(typeid(*module).name(), nullptr, nullptr, &status), std::free);
  const std::string full = status == 0 ? text.get() : typeid(*module).name();
  size_t begin = 0;
  int depth = 0;
  for (size_t i = 0; i + 1 < full.size(); ++i) {
    if (full[i] == '(' || full[i] == '<') ++depth;
    if (full[i] == ')' || full[i] == '>') --depth;
    if (depth == 0 && full[i] == ':' && full[i + 1] == ':') begin = i + 2;
  }
  return full.substr(begin);
}

}  // namespace

std::string Module::Registry::to_string(size_t indent) const {
  if (parameters.empty() && buffers.empty() && children.empty()) return type_name(self) + "()";
  const std::string margin(indent + 2, ' ');
  std::string text = type_name(self) + "(\n";
  for (const auto& [own, p] : parameters) text += fmt::format("{}{}: {}\n", margin, own, ParameterAccess::describe(p));
  for (const auto& [own, buffer] : buffers) text += fmt::format("{}{}: {}, buffer\n", margin, own, describe(buffer));
  for (const auto& [own, child] : children)
    text += fmt::format("{}({}): {}\n", margin, own, child->to_string(indent + 2));
  return text + std::string(indent, ' ') + ")";
}

std::string Module::to_string() const { return registry().to_string(0); }

std::ostream& operator<<(std::ostream& out, const Module& module) { return out << module.to_string(); }

}  // namespace gossamer::nn
