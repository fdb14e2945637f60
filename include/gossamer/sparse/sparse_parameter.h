// SparseParameter: a parameter as a sparsity algorithm sees it.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "gossamer/parameter.h"

#pragma GCC visibility push(default)
namespace gossamer::sparse {

// A shared handle.
class SparseParameter {
 public:
  SparseParameter(std::string name, Parameter parameter) : name_(std::move(name)), parameter_(std::move(parameter)) {}

  // The name under which the algorithm was applied ("fc1.weight"): part of every random key.
  const std::string& name() const { return name_; }
  const Parameter& param() const { return parameter_; }

  Tensor data() const { return parameter_.dense(); }  // dense copy
  Tensor mask() const { return parameter_.mask(); }   // dense copy
  const std::shared_ptr<const CsrPattern>& pattern() const { return parameter_.pattern(); }
  Tensor values() const { return parameter_.values(); }

  // Makes the pattern the nonzeros of a boolean tensor of the parameter's shape (ShapeError, DTypeError).
  void set_mask(const Tensor& mask) const;
  void apply(const TopologyChange& change) const { parameter_.apply(change); }

 private:
  std::string name_;
  Parameter parameter_;
};

}  // namespace gossamer::sparse
#pragma GCC visibility pop
