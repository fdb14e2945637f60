// Dense products of a layer on OpenBLAS, called directly.
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

  // With `threads` threads of OpenBLAS's own.
  void run(Kernel kernel, int threads);
  // The forward product of the first sample alone, as a matrix times a vector.
  void forward_one();
  // The forward product as the library computes it, which for few samples is not OpenBLAS.
  void forward_of_library();
  // Bytes that a product has to read and write at least.
  int64_t bytes(Kernel kernel) const;

 private:
  LayerSize size_;
  Tensor w_, x_, dy_, y_, dx_, dw_;
};

}  // namespace gossamer::bench
