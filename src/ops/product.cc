// Matrix products. Both gradients are products of the same kind.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/block_allocator.h"
#include "gossamer/dispatch.h"
#include "gossamer/ops/product.h"
#include "gossamer/ops/shape.h"
#include "ops/broadcast.h"
#include "ops/check.h"
#include "ops/reduce.h"
#include "runtime/blas.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "tensor/layout.h"

namespace gossamer {

namespace {

constexpr const char* kOp = "matmul";

Shape leading(const Shape& shape) { return Shape(shape.dims().first(static_cast<size_t>(shape.rank() - 2))); }

Shape with_matrix(const Shape& batch, int64_t rows, int64_t cols) {
  BlockVector<int64_t> sizes(batch.begin(), batch.end());
  sizes.insert(sizes.end(), {rows, cols});
  return Shape(sizes);
}

rt::Trans trans(bool transposed) { return transposed ? rt::Trans::Yes : rt::Trans::No; }

// A stack of matrices, each of which may stand for its transpose.
struct Operand {
  const Tensor& tensor;
  rt::Trans trans = rt::Trans::No;

  Operand t() const { return {tensor, trans == rt::Trans::No ? rt::Trans::Yes : rt::Trans::No}; }

  int64_t stored_rows() const { return tensor.dim(-2); }
  int64_t stored_cols() const { return tensor.dim(-1); }
  int64_t rows() const { return trans == rt::Trans::No ? stored_rows() : stored_cols(); }
  int64_t cols() const { return trans == rt::Trans::No ? stored_cols() : stored_rows(); }
};

// op(a) op(b) over broadcast leading dimensions. The inner sizes agree.
Tensor product(const Operand& a, const Operand& b) {
  const BroadcastPlan batch = plan_broadcast(leading(a.tensor.shape()), leading(b.tensor.shape()), kOp);
  const rt::GemmShape gemm{.m = a.rows(), .n = b.cols(), .k = a.cols(), .trans_a = a.trans, .trans_b = b.trans};
  Tensor out = Tensor::empty(with_matrix(batch.shape, gemm.m, gemm.n), a.tensor.dtype());
  if (out.numel() == 0) return out;

  // Which matrix of each operand goes into which product.
  const auto count = static_cast<size_t>(batch.shape.numel());
  BlockVector<int64_t> a_index(count);
  BlockVector<int64_t> b_index(count);
  parallel_stretches(batch, [&](int64_t at, int64_t a_at, int64_t b_at, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
      a_index[static_cast<size_t>(at + i)] = a_at + i * batch.stride_a[0];
      b_index[static_cast<size_t>(at + i)] = b_at + i * batch.stride_b[0];
    }
  });
  dispatch_floating(out.dtype(), kOp, [&]<class T>() {
    const T* const a_data = a.tensor.data<T>();
    const T* const b_data = b.tensor.data<T>();
    T* const out_data = out.mutable_data<T>();
    const int64_t a_size = a.rows() * a.cols();
    const int64_t b_size = b.rows() * b.cols();
    rt::parallel_for(batch.shape.numel(), [&](int64_t i) {
      rt::gemm<T>(gemm, {a_data + a_index[static_cast<size_t>(i)] * a_size, a.stored_cols()},
                  {b_data + b_index[static_cast<size_t>(i)] * b_size, b.stored_cols()}, T(0),
                  {out_data + i * gemm.m * gemm.n, gemm.n});
    });
  });
  return out;
}

// The gradient of an operand is a product of the same kind. Where the operand stood for its transpose, so does its
// gradient: the product is formed the other way round.
struct MatmulNode final : Node {
  Input a{*this, {&b}}, b{*this, {&a}};
  MatmulOptions options;
  explicit MatmulNode(const MatmulOptions& options_) : options(options_) {}

  Gradients backward(const Tensor& grad) override {
    const Operand dy{grad};
    const auto da = [&] {
      const Operand other{b.value(), trans(options.transpose_b)};
      return sum_to(options.transpose_a ? product(other, dy.t()) : product(dy, other.t()), a.shape());
    };
    const auto db = [&] {
      const Operand other{a.value(), trans(options.transpose_a)};
      return sum_to(options.transpose_b ? product(dy.t(), other) : product(other.t(), dy), b.shape());
    };
    return {a.gradient(da), b.gradient(db)};
  }
};

void check_rank(const Tensor& x, bool transposed, const char* option) {
  if (x.rank() == 0) {
    fail<ShapeError>(kOp, "operands must have at least 1 dimension", x.shape().to_string(), "multiply by mul");
  }
  if (x.rank() == 1 && transposed) {
    fail<ShapeError>(kOp, fmt::format("{} needs an operand of at least 2 dimensions", option), x.shape().to_string());
  }
}

// A vector on the left is a row and one on the right a column; the dimension of size 1 goes again.
Tensor product_with_vector(const Tensor& a, const Tensor& b, const MatmulOptions& options) {
  const Tensor left = a.rank() == 1 ? reshape(a, {1, a.dim(0)}) : a;
  const Tensor right = b.rank() == 1 ? reshape(b, {b.dim(0), 1}) : b;
  const Tensor matrix = matmul(left, right, options);
  BlockVector<int64_t> sizes(matrix.shape().begin(), matrix.shape().end());
  if (b.rank() == 1) sizes.pop_back();
  if (a.rank() == 1) sizes.erase(sizes.end() - (b.rank() == 1 ? 1 : 2));
  return reshape(matrix, Shape(sizes));
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, const MatmulOptions& options) {
  check_same_floating(kOp, a, b);
  check_rank(a, options.transpose_a, "transpose_a");
  check_rank(b, options.transpose_b, "transpose_b");
  if (a.rank() == 1 || b.rank() == 1) return product_with_vector(a, b, options);
  const Operand left{a, trans(options.transpose_a)};
  const Operand right{b, trans(options.transpose_b)};
  if (left.cols() != right.rows()) {
    const bool transposed = options.transpose_a || options.transpose_b;
    fail<ShapeError>(
        kOp, transposed ? "the inner sizes must be equal" : "the last size of a must equal the last but one of b",
        fmt::format("{}{} and {}{}", a.shape().to_string(), options.transpose_a ? " transposed" : "",
                    b.shape().to_string(), options.transpose_b ? " transposed" : ""),
        "set transpose_a or transpose_b where the other dimension is meant");
  }
  if (a.rank() > 2 && b.rank() == 2 && !options.transpose_a) {
    // One matrix for a whole batch: one tall product, whose gradient needs no sum over the batch.
    const Tensor tall = matmul(reshape(a, {row_count(a.shape()), a.dim(-1)}), b, options);
    return reshape(tall, with_matrix(leading(a.shape()), a.dim(-2), right.cols()));
  }
  return record<MatmulNode>(kOp, product(left, right), {a, b}, options);
}

}  // namespace gossamer
