// Differentiable operations on tensors. Each returns a new tensor and records its gradient unless NoGrad is alive.
// Floating operands of one operation share a dtype (DTypeError); shapes that do not fit throw ShapeError.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/tensor.h"

namespace gossamer {

// ---- Elementwise, with broadcasting (sizes aligned at the last dimension, 1 stretches) ----
Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);
Tensor neg(const Tensor& x);
Tensor add_scalar(const Tensor& x, double scalar);
Tensor mul_scalar(const Tensor& x, double scalar);
inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator-(const Tensor& x) { return neg(x); }

// max(x, 0); NaN stays NaN. The gradient is selected where x > 0.
Tensor relu(const Tensor& x);

// Zeroes each element with probability p in [0, 1) (ConfigError) and scales the others by 1 / (1 - p). Element i is
// kept or not as a function of (key, i). Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html
Tensor dropout(const Tensor& x, double p, uint64_t key);

// ---- Views and copies ----

// The same elements in another shape (a view). One size may be -1 and follows from the others.
Tensor reshape(const Tensor& x, std::initializer_list<int64_t> dims);
Tensor reshape(const Tensor& x, const Shape& shape);

// Rows [begin, end) of the first dimension: a view. Negative bounds count from the end.
Tensor slice(const Tensor& x, int64_t begin, int64_t end);

struct SliceRange {
  int dim = 0;  // negative counts from the end
  int64_t begin = 0;
  int64_t end = 0;
  int64_t step = 1;  // at least 1 (ConfigError)
};
// Elements begin, begin + step, ... below end of one dimension: a copy.
Tensor slice(const Tensor& x, const SliceRange& range);

// Dimensions dim0 and dim1 exchanged: a copy.
Tensor transpose(const Tensor& x, int dim0, int dim1);

// ---- Reductions ----

struct ReduceOptions {
  std::vector<int> dims = {};  // dimensions to reduce, negative from the end; empty: all of them
  bool keepdim = false;        // keep the reduced dimensions with size 1
};
Tensor sum(const Tensor& x, const ReduceOptions& options = {});
// Throws ShapeError where there is nothing to average.
Tensor mean(const Tensor& x, const ReduceOptions& options = {});
// The largest element; its gradient is shared evenly among ties. NaN wins. Throws ShapeError for an empty reduction.
Tensor max(const Tensor& x, const ReduceOptions& options = {});

// Index (i64) of the largest element along `dim`, the lowest among ties. Not differentiable.
Tensor argmax(const Tensor& x, int dim = -1);

// ---- Products ----

// [..., m, k] x [..., k, n] -> [..., m, n]; leading dimensions broadcast.
Tensor matmul(const Tensor& a, const Tensor& b);

// x [..., in], weight [out, in], bias [out] or undefined -> x weightᵀ + bias [..., out].
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

// ---- Classification ----

Tensor softmax(const Tensor& x, int dim = -1);
Tensor log_softmax(const Tensor& x, int dim = -1);

enum class Reduction { Mean, Sum, None };

struct CrossEntropyOptions {
  Reduction reduction = Reduction::Mean;  // Mean divides by the (weighted) number of targets that are not ignored
  double label_smoothing = 0;             // in [0, 1]: this share of the target is spread evenly over all classes
  int64_t ignore_index = -100;            // targets with this value count for nothing
  Tensor weight = {};                     // [classes] or undefined: factor of each class
};
// logits [n, classes], targets [n] i64 -> scalar ([n] with Reduction::None). A target outside [0, classes) that is not
// ignore_index throws ConfigError naming its row.
Tensor cross_entropy(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& options = {});

// ---- Sparse weights: a pattern and its values [nnz] in slot order ----

// The connections of a pattern that take part in forward products, where they are fewer than those that are trained
// (Top-KAST): slot s of `pattern` has the value of slot source[s] of the whole pattern.
struct ForwardSubset {
  std::shared_ptr<const CsrPattern> pattern;
  std::vector<int64_t> source;
};

// How products with a CSR weight are computed. Auto takes the way that is faster for its density and the number of
// samples, from measurements that are compiled in for each SIMD target: the same on every run and number of threads.
enum class Execution {
  Auto,
  Csr,  // the nonzeros alone
  // Parts of the weight are scattered into scratch of at most 4 MiB per thread and multiplied by OpenBLAS. As in dense
  // arithmetic, a NaN or an infinity in x or dY meets the zeros too; gradients of values are still the nonzeros' alone.
  Dense,
};

class GradientTap;  // collects what growth by gradient needs during backward; internal

struct CsrLinearOptions {
  Execution execution = Execution::Auto;
  std::shared_ptr<const ForwardSubset> subset = nullptr;  // null: the whole pattern
  std::shared_ptr<GradientTap> tap = nullptr;
};

// x [..., cols], values of a [rows, cols] weight, bias [rows] or undefined -> [..., rows]. The gradient of `values` has
// nnz elements: no dense weight or gradient is formed, save for a full pattern, whose values are the matrix. With a
// subset both products with the weight run on that; the gradient of `values` still is that of all nnz connections.
Tensor csr_linear(const Tensor& x, const std::shared_ptr<const CsrPattern>& pattern, const Tensor& values,
                  const Tensor& bias = {}, const CsrLinearOptions& options = {});

// The general way for operations without a CSR kernel: the dense tensor of the given shape (as_matrix(shape) must be
// the pattern's size), whose gradient is gathered at the nonzeros; those outside the subset are 0 in it.
Tensor csr_to_dense(const std::shared_ptr<const CsrPattern>& pattern, const Tensor& values, const Shape& shape,
                    const std::shared_ptr<GradientTap>& tap = nullptr,
                    const std::shared_ptr<const ForwardSubset>& subset = nullptr);

}  // namespace gossamer
