// Dropout: zeroes elements at random while training.
#pragma once

#include <cstdint>
#include <optional>

#include "gossamer/nn/cloneable.h"
#include "gossamer/random.h"
#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer::nn {

struct DropoutOptions {
  double p = 0.5;                    // probability that an element becomes 0, in [0, 1)
  std::optional<uint64_t> key = {};  // of the stream of draws; without one the layer takes a key from the generator
};

// In training each element is zeroed with probability p and the others are scaled by 1 / (1 - p); in evaluation, or
// with p = 0, x is the result. Any shape. Call number n draws from a stream of (key, n), so the same program draws the
// same elements; n is the buffer "calls" (i64, a scalar), saved and restored with the module, so that a resumed run
// continues the sequence. Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html
class Dropout final : public Cloneable<Dropout> {
 public:
  // Takes one key from rng unless the options have one. Throws ConfigError when p is outside [0, 1).
  Dropout(const DropoutOptions& options, Generator& rng);

  // With the key that is in use.
  const DropoutOptions& options() const { return options_; }
  Tensor forward(const Tensor& x) override;

 private:
  DropoutOptions options_;
  Tensor calls_ = Tensor::zeros({}, DType::i64);
};

}  // namespace gossamer::nn
#pragma GCC visibility pop
