// Gossamer's products of a CSR layer. The only file that knows how the library computes them.
#pragma once

#include <cstdint>
#include <memory>

#include "bench/layer.h"
#include "gossamer/csr_pattern.h"
#include "gossamer/ops.h"
#include "gossamer/tensor.h"

namespace gossamer::bench {

// Filled with random numbers. What a pattern needs once is built in the constructor; what every step repeats is inside
// run().
class CsrProducts {
 public:
  // The pattern must not be full.
  CsrProducts(std::shared_ptr<const CsrPattern> pattern, int64_t n, Execution execution = Execution::Auto);

  void run(Kernel kernel, Layout layout);
  // Bytes that a product has to read and write at least: values, indices, and the batches on both sides.
  int64_t bytes(Kernel kernel) const;

 private:
  void forward(Layout layout);
  void input_grad(Layout layout);
  void weight_grad(Layout layout);
  void step(Layout layout);

  std::shared_ptr<const CsrPattern> pattern_;
  int64_t n_;
  bool dense_;  // Auto's choice; batches are row-major then, in both layouts
  Tensor values_, values_t_;
  Tensor x_rows_, x_tiles_, dy_rows_, dy_tiles_;
  Tensor y_rows_, y_tiles_, dx_rows_, dx_tiles_, grad_;
};

}  // namespace gossamer::bench
