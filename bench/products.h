// The products that are measured: ours, and the dense ones of the same layer on OpenBLAS. The only file of the ratio
// programs that knows how the library computes them.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "gossamer/csr_pattern.h"
#include "gossamer/parameter.h"
#include "gossamer/tensor.h"

namespace gossamer::bench {

// Y[n, m] = X[n, k] Wᵀ, with W [m, k].
struct LayerSize {
  int64_t m, k, n;
  bool operator==(const LayerSize&) const = default;
};

// Step is all three, as a training step runs them.
enum class Kernel { Forward, InputGrad, WeightGrad, Step };
inline constexpr Kernel kKernels[] = {Kernel::Forward, Kernel::InputGrad, Kernel::WeightGrad, Kernel::Step};
std::string_view name(Kernel kernel);

// How the batch lies in memory: row-major [n, features], or in the tiles that CSR layers pass on to one another.
enum class Layout { BatchFirst, Native };
inline constexpr Layout kLayouts[] = {Layout::BatchFirst, Layout::Native};
std::string_view name(Layout layout);

// Floating-point operations of a dense product of this size; a sparse one does the density's share of them.
double dense_flop(const LayerSize& size, Kernel kernel);

// All that the products of a CSR layer need, filled with random numbers. What a pattern needs once is built here; what
// every step repeats is inside run().
class CsrProducts {
 public:
  // The pattern must not be full.
  CsrProducts(std::shared_ptr<const CsrPattern> pattern, int64_t n);

  void run(Kernel kernel, Layout layout);
  // Bytes that a product has to read and write once: values, indices, and the batches on both sides.
  int64_t bytes(Kernel kernel) const;

 private:
  void forward(Layout layout);
  void input_grad(Layout layout);
  void weight_grad(Layout layout);
  void step(Layout layout);

  std::shared_ptr<const CsrPattern> pattern_;
  int64_t n_;
  Parameter weight_;
  Tensor x_rows_, x_tiles_, dy_rows_, dy_tiles_;
  Tensor y_rows_, y_tiles_, dx_rows_, dx_tiles_, grad_;
};

// The same on OpenBLAS, called directly and with `threads` threads of its own.
class DenseProducts {
 public:
  explicit DenseProducts(const LayerSize& size);

  void run(Kernel kernel, int threads);

 private:
  LayerSize size_;
  Tensor w_, x_, dy_, y_, dx_, dw_;
};

}  // namespace gossamer::bench
