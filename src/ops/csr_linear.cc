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
#include "ops/csr_dense.h"
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

// How a weight meets n samples.
enum class Way {
  Full,   // its values are the row-major matrix
  Dense,  // parts of it are scattered
  Csr,
};

Way choose_way(const CsrPattern& pattern, int64_t n, Execution execution) {
  if (pattern.is_full()) return Way::Full;
  if (n == 0) return Way::Csr;
  if (execution != Execution::Auto) return execution == Execution::Dense ? Way::Dense : Way::Csr;
  return kernels::dense_is_faster(CsrPatternAccess::stream(pattern), n) ? Way::Dense : Way::Csr;
}

// How its gradient is formed where forward uses a part of it, `way`: a pattern that is denser than a part for which the
// dense way was chosen takes that way too.
Way choose_gradient_way(Way way, const CsrPattern& pattern, int64_t n, Execution execution) {
  if (way == Way::Csr) return choose_way(pattern, n, execution);
  return pattern.is_full() ? Way::Full : Way::Dense;
}

// Smaller batches stay row-major.
constexpr int64_t kMinTiledBatch = 16;

// The width of the tiles in which a product runs: those that x holds, or the choice for the batch. 0: row-major.
int tile_width(Way way, const CsrPattern& pattern, const Tensor& x, int64_t n) {
  if (x.dtype() != DType::f32 || way != Way::Csr || n < kMinTiledBatch || pattern.rows() == 0) return 0;
  const int held = TensorTiles::width(x);
  return held != 0 ? held : kernels::choose_tile_width(n);
}

// Whether x and dY are packed once for the two products that each of them is in.
bool packs_once(const CsrPattern& pattern, int64_t n, int width) {
  return width != 0 && !streams_batch(CsrPatternAccess::stream(pattern), n);
}

Tensor empty_batch(const Shape& shape, DType dtype, int width) {
  return width != 0 ? TensorTiles::empty(shape, width) : Tensor::empty(shape, dtype);
}

// x, seen as [n, features], row-major, or in the layout that it has.
template <class T>
ConstBatch<T> rows(const Tensor& x, int64_t n) {
  return {x.data<T>(), n, x.dim(-1)};
}

template <class T>
ConstBatch<T> batch(const Tensor& x, int64_t n) {
  if constexpr (std::is_same_v<T, float>) {
    if (const ConstBatch<float> tiles = TensorTiles::get(x); tiles.width != 0) return tiles;
  }
  return rows<T>(x, n);
}

template <class T>
Batch<T> mutable_batch(Tensor& x, int64_t n) {
  if constexpr (std::is_same_v<T, float>) {
    if (TensorTiles::width(x) != 0) return TensorTiles::open(x);
  }
  return {x.mutable_data<T>(), n, x.dim(-1)};
}

// The three products.

DenseSize dense_size(const CsrPattern& pattern, int64_t n) { return {n, pattern.cols(), pattern.rows()}; }

template <class T>
void forward(Way way, const CsrPattern& pattern, const Tensor& values, const Tensor& x, int64_t n, const Tensor& bias,
             Tensor& y) {
  const T* v = values.data<T>();
  const T* b = bias.defined() ? bias.data<T>() : nullptr;
  if (way == Way::Full) return dense_forward(dense_size(pattern, n), x.data<T>(), v, b, y.mutable_data<T>());
  const kernels::CsrStream w = CsrPatternAccess::stream(pattern);
  if (way == Way::Dense) return csr_dense_forward<T>(w, v, rows<T>(x, n), b, mutable_batch<T>(y, n));
  csr_forward<T>(w, v, batch<T>(x, n), b, mutable_batch<T>(y, n));
}

// The gradients that are wanted, each given as an empty tensor: dx takes `values`, grad takes `x`.
template <class T>
void dense_gradients(Way way, const CsrPattern& pattern, const Tensor& values, const Tensor& x, const Tensor& dy,
                     int64_t n, Tensor* dx, Tensor* grad) {
  if (way == Way::Full) {
    if (dx) dense_input_grad(dense_size(pattern, n), dy.data<T>(), values.data<T>(), dx->mutable_data<T>());
    if (grad) dense_weight_grad(dense_size(pattern, n), dy.data<T>(), x.data<T>(), grad->mutable_data<T>());
    return;
  }
  const kernels::CsrStream w = CsrPatternAccess::stream(pattern);
  if (dx) csr_dense_input_grad<T>(w, values.data<T>(), rows<T>(dy, n), mutable_batch<T>(*dx, n));
  if (grad) csr_dense_weight_grad<T>(w, rows<T>(x, n), rows<T>(dy, n), grad->mutable_data<T>());
}

template <class T>
void gradients(Way way, const CsrPattern& pattern, const Tensor& values, const Tensor& x, const Tensor& dy, int64_t n,
               Tensor* dx, Tensor* grad) {
  if (!dx && !grad) return;
  if (way != Way::Csr) return dense_gradients<T>(way, pattern, values, x, dy, n, dx, grad);
  const kernels::CsrStream w = CsrPatternAccess::stream(pattern);
  const ConstBatch<T> dy_batch = batch<T>(dy, n);
  if (!dx) return csr_weight_grad<T>(w, batch<T>(x, n), dy_batch, grad->mutable_data<T>());
  const auto transposed = CsrPatternAccess::transposed(pattern);
  Tensor values_t = Tensor::empty({pattern.nnz()}, dy.dtype());
  transposed->gather_values(values.data<T>(), values_t.mutable_data<T>());
  const T* const v = std::as_const(values_t).data<T>();
  const Batch<T> dx_batch = mutable_batch<T>(*dx, n);
  if (!grad) return csr_forward<T>(transposed->view(), v, dy_batch, nullptr, dx_batch);
  csr_backward<T>(w, transposed->view(), v, batch<T>(x, n), dy_batch, dx_batch, grad->mutable_data<T>());
}

}  // namespace

Tensor csr_linear(const Tensor& x, const PatternPtr& pattern, const Tensor& values, const Tensor& bias,
                  const CsrLinearOptions& options) {
  constexpr const char* kOp = "csr_linear";
  const SubsetPtr& subset = options.subset;
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
    Way way;           // of the products with the weight
    Way gradient_way;  // of its gradient
    int width;         // of the tiles in which the products run; 0: row-major
    int dx_width;      // that of x: whoever made it takes its gradient the same way
    CsrLinearNode(const PatternPtr& pattern_, const PatternPtr& used_, const TapPtr& tap_, const Tensor& x_,
                  const Tensor& x_batch_, const Tensor& values_, bool values_need_grad, Way way_, Way gradient_way_,
                  int width_)
        : pattern(pattern_),
          used(used_),
          tap(tap_),
          x(*this, values_need_grad ? x_ : Tensor()),
          x_batch(*this, values_need_grad ? x_batch_ : Tensor()),
          values(*this, x_.requires_grad() ? values_ : Tensor()),
          x_shape(x_.shape()),
          way(way_),
          gradient_way(gradient_way_),
          width(width_),
          dx_width(TensorTiles::width(x_) == width ? width : 0) {}

    std::vector<Tensor> backward(const Tensor& grad) override {
      const int64_t n = row_count(x_shape);
      const int held = TensorTiles::width(grad);
      const bool packs = packs_once(*used, n, width) || (width != 0 && held != 0 && held != width);
      const Tensor dy = packs ? TensorTiles::pack(grad, width) : grad.detach();
      std::vector<Tensor> grads(3);
      if (needs_grad(0)) grads[0] = empty_batch(x_shape, grad.dtype(), dx_width);
      if (needs_grad(1)) grads[1] = Tensor::empty({pattern->nnz()}, grad.dtype());
      dispatch_floating(grad.dtype(), kOp, [&]<class T>() {
        Tensor* const dx = needs_grad(0) ? &grads[0] : nullptr;
        Tensor* const dvalues = needs_grad(1) ? &grads[1] : nullptr;
        const Tensor v = dx ? values.get() : Tensor();
        const Tensor inputs = dvalues ? x_batch.get() : Tensor();
        if (used == pattern) {
          gradients<T>(way, *pattern, v, inputs, dy, n, dx, dvalues);
        } else {
          gradients<T>(way, *used, v, {}, dy, n, dx, nullptr);
          gradients<T>(gradient_way, *pattern, {}, inputs, dy, n, nullptr, dvalues);
        }
      });
      if (needs_grad(1) && tap && tap->armed()) {
        tap->add_product(x.get().alias({n, pattern->cols()}), grad.alias({n, pattern->rows()}));
      }
      if (needs_grad(2)) grads[2] = column_sums(dy.alias({n, pattern->rows()}));
      return grads;
    }
  };

  const PatternPtr& used = subset ? subset->pattern : pattern;
  const Tensor used_values = subset ? subset_values(values, *subset) : values;
  const int64_t n = row_count(x.shape());
  const Way way = choose_way(*used, n, options.execution);
  const Way gradient_way = choose_gradient_way(way, *pattern, n, options.execution);
  const int width = tile_width(way, *used, x, n);
  const bool packs = packs_once(*used, n, width) && grad_enabled() && values.requires_grad();
  const Tensor x_batch = packs ? TensorTiles::pack(x, width) : x;
  Tensor y = empty_batch(with_last(x.shape(), pattern->rows()), x.dtype(), width);
  dispatch_floating(x.dtype(), kOp, [&]<class T>() { forward<T>(way, *used, used_values, x_batch, n, bias, y); });
  return record<CsrLinearNode>(kOp, y, {x, values, bias}, pattern, used, options.tap, x, x_batch, used_values,
                               values.requires_grad(), way, gradient_way, width);
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
