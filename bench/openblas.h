// Dense products of a layer: on OpenBLAS, called directly, and as the library computes them.
#pragma once

#include "bench/layer.h"
#include "gossamer/tensor.h"

namespace gossamer::bench {

// The threads of OpenBLAS while this lives; the library runs it with one inside its own tasks.
class BlasThreads {
 public:
  explicit BlasThreads(int threads);
  ~BlasThreads();
  BlasThreads(const BlasThreads&) = delete;
  BlasThreads& operator=(const BlasThreads&) = delete;
};

// Filled with random numbers.
class DenseProducts {
 public:
  explicit DenseProducts(const LayerSize& size);

  // With `threads` threads of OpenBLAS's own. Products of one sample are of a matrix and a vector.
  void run(Kernel kernel, int threads);
  // As the library computes them, which for forward of few samples is not OpenBLAS.
  void run_library(Kernel kernel);
  // Bytes that a product has to read and write at least.
  int64_t bytes(Kernel kernel) const;

 private:
  LayerSize size_;
  Tensor w_, x_, dy_, y_, dx_, dw_;
};

}  // namespace gossamer::bench
