// Flatten: several dimensions become one.
#pragma once

#include "gossamer/nn/cloneable.h"

#pragma GCC visibility push(default)
namespace gossamer::nn {

struct FlattenOptions {
  int start_dim = 1;  // the first dimension to merge; negative counts from the end
  int end_dim = -1;   // the last one
};

// [n, 28, 28] -> [n, 784] by default. The result is a view.
class Flatten final : public Cloneable<Flatten> {
 public:
  explicit Flatten(const FlattenOptions& options = {}) : options_(options) {}

  const FlattenOptions& options() const { return options_; }

  // Throws ShapeError where a dimension does not exist, or start_dim comes after end_dim.
  Tensor forward(const Tensor& x) override;

 private:
  FlattenOptions options_;
};

}  // namespace gossamer::nn
#pragma GCC visibility pop
