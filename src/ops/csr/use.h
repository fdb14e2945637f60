// One use of a CSR weight: the products with a batch, in the way and the layout chosen for its size. What linear,
// convolution and embedding are made of.
#pragma once

#include <cstdint>
#include <memory>

#include "ops/csr/weight.h"
#include "tensor/layout.h"

namespace gossamer {

class CsrUse {
 public:
  // Chooses for x [..., cols], from sizes and from the layout that x holds alone. The weight is checked.
  CsrUse(const CsrWeight& weight, const Tensor& x);

  const CsrPattern& pattern() const { return *pattern_; }
  // The samples: x is seen as [n, cols].
  int64_t n() const { return n_; }
  // Whether x and dY are packed once, by pack(), for the two products that each of them is in. Otherwise the products
  // pack as they go, or need no tiles.
  bool packs_once() const { return packs_once_; }
  bool takes_tiles() const { return layout_.is_tiled(); }
  // In the layout of the products, without history.
  Tensor pack(const Tensor& batch) const { return layout_.take(batch); }
  // dY for gradients(): in tiles of the right width or in rows.
  Tensor pack_gradient(const Tensor& dy) const;

  // y [..., rows] = x Wᵀ + bias (undefined: none). `values` are CsrWeight::used_values().
  Tensor forward(const Tensor& values, const Tensor& x, const Tensor& bias) const;

  // The gradients that are wanted, dx [..., cols] = dY W and dvalues[slot] = Σ_n dY[n, row] x[n, col] of the whole
  // pattern; undefined `values` (x) say that dx (dvalues) is not wanted.
  struct Gradients {
    Tensor dx;
    Tensor dvalues;
  };
  Gradients gradients(const Tensor& values, const Tensor& x, const Tensor& dy) const;

 private:
  // How a weight meets the samples.
  enum class Way {
    Full,   // its values are the row-major matrix
    Dense,  // parts of it are scattered
    Csr,
  };
  static Way choose_way(const CsrPattern& pattern, int64_t n, Execution execution);

  template <class T>
  void run_forward(const Tensor& values, const Tensor& x, const Tensor& bias, Tensor& y) const;
  template <class T>
  void run_gradients(Way way, const CsrPattern& pattern, const Tensor& values, const Tensor& x, const Tensor& dy,
                     Tensor* dx, Tensor* dvalues) const;
  template <class T>
  void run_dense_gradients(Way way, const CsrPattern& pattern, const Tensor& values, const Tensor& x, const Tensor& dy,
                           Tensor* dx, Tensor* dvalues) const;

  std::shared_ptr<const CsrPattern> pattern_;  // of the values and their gradient
  std::shared_ptr<const CsrPattern> used_;     // of the products with the weight: pattern_, or a subset of it
  Shape x_shape_;
  int64_t n_;
  Way way_;           // of the products with the weight
  Way gradient_way_;  // of its gradient
  Layout layout_;     // of the products
  Layout dx_layout_;  // that of x: the operation before takes its gradient in it
  bool packs_once_;
};

}  // namespace gossamer
