// Sparse weights in the graph: the product with a CSR weight, and the general way.
#include <fmt/format.h>

#include <type_traits>
#include <utility>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/ops.h"
#include "kernels/layout.h"
#include "ops/check.h"
#include "ops/column_sums.h"
#include "ops/csr_products.h"
#include "ops/dense_products.h"
#include "ops/gradient_tap.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "tensor/dispatch.h"
#include "tensor/tiles.h"

namespace gossamer {

namespace {

using PatternPtr = std::shared_ptr<const CsrPattern>;
using TapPtr = std::shared_ptr<GradientTap>;
using SubsetPtr = std::shared_ptr<const ForwardSubset>;

void check_values(const char* op, const PatternPtr& pattern, const Tensor& values) {
  if (!pattern || !values.defined()) {
    fail<StateError>(op, "pattern and values must be defined", pattern ? "undefined values" : "no pattern");
  }
  if (values.rank() != 1 || values.numel() != pattern->nnz()) {
    fail<ShapeError>(op, fmt::format("values must be [{}], one per nonzero", pattern->nnz()),
                     values.shape().to_string());
  }
}

void check_subset(const char* op, const CsrPattern& pattern, const ForwardSubset& subset) {
  if (!subset.pattern || subset.pattern->rows() != pattern.rows() || subset.pattern->cols() != pattern.cols() ||
      static_cast<int64_t>(subset.source.size()) != subset.pattern->nnz()) {
    fail<ShapeError>(
        op, fmt::format("the subset must be {} x {}, with one source per slot", pattern.rows(), pattern.cols()),
        subset.pattern ? fmt::format("{} x {} with {} sources for {} slots", subset.pattern->rows(),
                                     subset.pattern->cols(), subset.source.size(), subset.pattern->nnz())
                       : "no pattern");
  }
}

// The values of the connections that forward uses, in the slots of the subset.
Tensor subset_values(const Tensor& values, const ForwardSubset& subset) {
  Tensor picked = Tensor::empty({subset.pattern->nnz()}, values.dtype());
  dispatch_floating(values.dtype(), "forward subset", [&]<class T>() {
    const T* from = values.data<T>();
    T* to = picked.mutable_data<T>();
    rt::parallel_chunks(picked.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i] = from[subset.source[static_cast<size_t>(i)]];
    });
  });
  return picked;
}

// Smaller batches stay row-major.
constexpr int64_t kMinTiledBatch = 16;

// The width of the tiles in which a product runs: those that x holds, or the choice for the batch. 0: row-major.
int tile_width(const CsrPattern& pattern, const Tensor& x, int64_t n) {
  if (x.dtype() != DType::f32 || pattern.is_full() || n < kMinTiledBatch || pattern.rows() == 0) return 0;
  const int held = TensorTiles::width(x);
  return held != 0 ? held : kernels::choose_tile_width(n);
}

Tensor empty_batch(const Shape& shape, DType dtype, int width) {
  return width != 0 ? TensorTiles::empty(shape, width) : Tensor::empty(shape, dtype);
}

// x, seen as [n, features], in the layout that it has.
template <class T>
ConstBatch<T> batch(const Tensor& x, int64_t n) {
  if constexpr (std::is_same_v<T, float>) {
    if (const ConstBatch<float> tiles = TensorTiles::get(x); tiles.width != 0) return tiles;
  }
  return {x.data<T>(), n, x.dim(-1)};
}

template <class T>
Batch<T> mutable_batch(Tensor& x, int64_t n) {
  if constexpr (std::is_same_v<T, float>) {
    if (TensorTiles::width(x) != 0) return TensorTiles::open(x);
  }
  return {x.mutable_data<T>(), n, x.dim(-1)};
}

// The three products, by the stream of the pattern, or dense where the pattern is full.

DenseSize dense_size(const CsrPattern& pattern, int64_t n) { return {n, pattern.cols(), pattern.rows()}; }

template <class T>
void forward(const CsrPattern& pattern, const Tensor& values, const Tensor& x, int64_t n, const Tensor& bias,
             Tensor& y) {
  const T* v = values.data<T>();
  const T* b = bias.defined() ? bias.data<T>() : nullptr;
  if (pattern.is_full()) {
    return dense_forward(dense_size(pattern, n), x.data<T>(), v, b, y.mutable_data<T>());
  }
  csr_forward<T>(CsrPatternAccess::stream(pattern), v, batch<T>(x, n), b, mutable_batch<T>(y, n));
}

template <class T>
void input_grad(const CsrPattern& pattern, const Tensor& values, const Tensor& dy, int64_t n, Tensor& dx) {
  const T* v = values.data<T>();
  if (pattern.is_full()) return dense_input_grad(dense_size(pattern, n), dy.data<T>(), v, dx.mutable_data<T>());
  const auto transposed = CsrPatternAccess::transposed(pattern);
  Tensor values_t = Tensor::empty(values.shape(), values.dtype());
  transposed->gather_values(v, values_t.mutable_data<T>());
  csr_forward<T>(transposed->view(), std::as_const(values_t).data<T>(), batch<T>(dy, n), nullptr,
                 mutable_batch<T>(dx, n));
}

template <class T>
void weight_grad(const CsrPattern& pattern, const Tensor& x, const Tensor& dy, int64_t n, Tensor& grad) {
  T* to = grad.mutable_data<T>();
  if (pattern.is_full()) return dense_weight_grad(dense_size(pattern, n), dy.data<T>(), x.data<T>(), to);
  csr_weight_grad<T>(CsrPatternAccess::stream(pattern), batch<T>(x, n), batch<T>(dy, n), to);
}

}  // namespace

Tensor csr_linear(const Tensor& x, const PatternPtr& pattern, const Tensor& values, const Tensor& bias,
                  const TapPtr& tap, const SubsetPtr& subset) {
  constexpr const char* kOp = "csr_linear";
  check_values(kOp, pattern, values);
  if (!x.defined()) fail<StateError>(kOp, "x must be defined", "an undefined tensor");
  if (x.rank() < 1 || x.shape().back() != pattern->cols()) {
    fail<ShapeError>(
        kOp,
        fmt::format("x must be [..., {}] for a [{}, {}] weight", pattern->cols(), pattern->rows(), pattern->cols()),
        x.shape().to_string());
  }
  if (bias.defined() && bias.shape() != Shape({pattern->rows()})) {
    fail<ShapeError>(kOp, fmt::format("bias must be [{}]", pattern->rows()), bias.shape().to_string());
  }
  if (x.dtype() != values.dtype() || (bias.defined() && bias.dtype() != x.dtype())) {
    fail<DTypeError>(kOp, "x, values and bias must share a dtype",
                     fmt::format("{}, {}{}", dtype_name(x.dtype()), dtype_name(values.dtype()),
                                 bias.defined() ? fmt::format(", {}", dtype_name(bias.dtype())) : ""),
                     "convert with .to(dtype)");
  }

  if (subset) check_subset(kOp, *pattern, *subset);

  struct CsrLinearNode final : Node {
    PatternPtr pattern;  // of the values and their gradient
    PatternPtr used;     // of the products with the weight: `pattern`, or a subset of it
    TapPtr tap;
    SavedTensor x;
    SavedTensor x_batch;  // x in the layout of the products
    SavedTensor values;   // of `used`
    Shape x_shape;
    int width;     // of the tiles in which the products run; 0: row-major
    int dx_width;  // that of x: whoever made it takes its gradient the same way
    CsrLinearNode(const PatternPtr& pattern_, const PatternPtr& used_, const TapPtr& tap_, const Tensor& x_,
                  const Tensor& x_batch_, const Tensor& values_, bool values_need_grad, int width_)
        : pattern(pattern_),
          used(used_),
          tap(tap_),
          x(*this, values_need_grad ? x_ : Tensor()),
          x_batch(*this, values_need_grad ? x_batch_ : Tensor()),
          values(*this, x_.requires_grad() ? values_ : Tensor()),
          x_shape(x_.shape()),
          width(width_),
          dx_width(TensorTiles::width(x_) == width ? width : 0) {}

    std::vector<Tensor> backward(const Tensor& grad) override {
      const int64_t n = row_count(x_shape);
      const Tensor dy = width != 0 ? TensorTiles::pack(grad, width) : grad.detach();
      std::vector<Tensor> grads(3);
      dispatch_floating(grad.dtype(), kOp, [&]<class T>() {
        if (needs_grad(0)) {
          grads[0] = empty_batch(x_shape, grad.dtype(), dx_width);
          input_grad<T>(*used, values.get(), dy, n, grads[0]);
        }
        if (needs_grad(1)) {
          grads[1] = Tensor::empty({pattern->nnz()}, grad.dtype());
          weight_grad<T>(*pattern, x_batch.get(), dy, n, grads[1]);
          if (tap && tap->armed()) {
            tap->add_product(x.get().alias({n, pattern->cols()}), grad.alias({n, pattern->rows()}));
          }
        }
      });
      if (needs_grad(2)) grads[2] = column_sums(dy.alias({n, pattern->rows()}));
      return grads;
    }
  };

  const PatternPtr& used = subset ? subset->pattern : pattern;
  const Tensor used_values = subset ? subset_values(values, *subset) : values;
  const int64_t n = row_count(x.shape());
  const int width = tile_width(*used, x, n);
  // Packed once for both products that read it; for one alone each task packs its own part, in cache.
  const bool packs = width != 0 && grad_enabled() && values.requires_grad();
  const Tensor x_batch = packs ? TensorTiles::pack(x, width) : x;
  Tensor y = empty_batch(with_last(x.shape(), pattern->rows()), x.dtype(), width);
  dispatch_floating(x.dtype(), kOp, [&]<class T>() { forward<T>(*used, used_values, x_batch, n, bias, y); });
  return record<CsrLinearNode>(kOp, y, {x, values, bias}, pattern, used, tap, x, x_batch, used_values,
                               values.requires_grad(), width);
}

Tensor csr_to_dense(const PatternPtr& pattern, const Tensor& values, const Shape& shape, const TapPtr& tap,
                    const SubsetPtr& subset) {
  constexpr const char* kOp = "csr_to_dense";
  check_values(kOp, pattern, values);
  const MatrixSize size = as_matrix(shape);
  if (size.rows != pattern->rows() || size.cols != pattern->cols()) {
    fail<ShapeError>(
        kOp,
        fmt::format("the shape must be that of the pattern, [{}, {}] as a matrix", pattern->rows(), pattern->cols()),
        shape.to_string());
  }

  if (subset) check_subset(kOp, *pattern, *subset);

  struct CsrToDenseNode final : Node {
    PatternPtr pattern;
    TapPtr tap;
    CsrToDenseNode(const PatternPtr& pattern_, const TapPtr& tap_) : pattern(pattern_), tap(tap_) {}

    std::vector<Tensor> backward(const Tensor& grad) override {
      if (tap && tap->armed()) tap->add_dense(grad);
      return {pattern->gather(grad)};
    }
  };

  const Tensor dense = subset ? subset->pattern->dense(subset_values(values, *subset)) : pattern->dense(values);
  return record<CsrToDenseNode>(kOp, dense.alias(shape), {values}, pattern, tap);
}

}  // namespace gossamer
