// The elementwise kernels on tensors, and arithmetic with broadcasting. Gradients of stretched operands are summed back
// to their shapes.
#include "ops/elementwise.h"

#include <array>
#include <tuple>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/ops/elementwise.h"
#include "kernels/elementwise.h"
#include "ops/broadcast.h"
#include "ops/check.h"
#include "ops/reduce.h"
#include "runtime/parallel.h"
#include "tensor/dispatch.h"
#include "tensor/layout.h"

namespace gossamer {

using kernels::Binary;
using kernels::Unary;

namespace {

// run(n, operands..., out) for pieces of operands of one shape and dtype, in the given layout.
template <class Run, class... Operands>
Tensor run_pieces(const Layout& layout, const Run& run, const Tensor& x, const Operands&... others) {
  Tensor out = layout.empty(x.shape(), x.dtype());
  dispatch_floating(x.dtype(), "elementwise", [&]<class T>() {
    const Batch<T> to = layout.write<T>(out);
    // Read before the loop: a conversion is parallel itself.
    const std::array<const T*, 1 + sizeof...(others)> from{layout.read<T>(x).data, layout.read<T>(others).data...};
    rt::parallel_chunks(to.padded(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      std::apply([&](auto... data) { run(end - begin, (data + begin)..., to.data + begin); }, from);
    });
    if (layout.is_tiled()) clear_lanes_past_n(to);
  });
  return out;
}

}  // namespace

Tensor map(Unary op, const Tensor& x) {
  return run_pieces(
      Layout::of(x), [op](int64_t n, const auto* from, auto* y) { kernels::map(op, n, from, y); }, x);
}

Tensor zip_scalar(Binary op, const Tensor& x, double scalar) {
  const auto run = [=]<class T>(int64_t n, const T* from, T* y) {
    const T rounded = static_cast<T>(scalar);
    kernels::zip(op, n, {from}, {&rounded, 0}, y);
  };
  return run_pieces(Layout::of(x), run, x);
}

Tensor zip(const char* name, Binary op, const Tensor& a, const Tensor& b) {
  if (a.shape() == b.shape()) {
    const auto run = [op](int64_t n, const auto* x, const auto* y, auto* to) { kernels::zip(op, n, {x}, {y}, to); };
    return run_pieces(Layout::common(a, b), run, a, b);
  }
  const BroadcastPlan plan = plan_broadcast(a.shape(), b.shape(), name);
  Tensor out = Tensor::empty(plan.shape, a.dtype());
  dispatch_floating(a.dtype(), name, [&]<class T>() {
    const T* const a_data = a.data<T>();
    const T* const b_data = b.data<T>();
    T* const to = out.mutable_data<T>();
    parallel_stretches(plan, [&](int64_t at, int64_t a_at, int64_t b_at, int64_t n) {
      kernels::zip(op, n, {a_data + a_at, plan.stride_a[0]}, {b_data + b_at, plan.stride_b[0]}, to + at);
    });
  });
  return out;
}

Tensor add(const Tensor& a, const Tensor& b) {
  constexpr const char* kOp = "add";
  struct AddNode final : Node {
    Shape a_shape;
    Shape b_shape;
    AddNode(const Tensor& a_, const Tensor& b_) : a_shape(a_.shape()), b_shape(b_.shape()) {}

    std::vector<Tensor> backward(const Tensor& grad) override {
      std::vector<Tensor> grads(2);
      if (needs_grad(0)) grads[0] = sum_to(grad, a_shape);
      if (needs_grad(1)) grads[1] = sum_to(grad, b_shape);
      return grads;
    }
  };

  check_same_floating(kOp, a, b);
  return record<AddNode>(kOp, zip(kOp, Binary::Add, a, b), {a, b}, a, b);
}

Tensor sub(const Tensor& a, const Tensor& b) {
  constexpr const char* kOp = "sub";
  struct SubNode final : Node {
    Shape a_shape;
    Shape b_shape;
    SubNode(const Tensor& a_, const Tensor& b_) : a_shape(a_.shape()), b_shape(b_.shape()) {}

    std::vector<Tensor> backward(const Tensor& grad) override {
      std::vector<Tensor> grads(2);
      if (needs_grad(0)) grads[0] = sum_to(grad, a_shape);
      if (needs_grad(1)) grads[1] = neg(sum_to(grad, b_shape));
      return grads;
    }
  };

  check_same_floating(kOp, a, b);
  return record<SubNode>(kOp, zip(kOp, Binary::Sub, a, b), {a, b}, a, b);
}

Tensor mul(const Tensor& a, const Tensor& b) {
  constexpr const char* kOp = "mul";
  struct MulNode final : Node {
    SavedTensor a;
    SavedTensor b;
    Shape a_shape;
    Shape b_shape;
    MulNode(const Tensor& a_, const Tensor& b_)
        : a(*this, b_.requires_grad() ? a_ : Tensor()),
          b(*this, a_.requires_grad() ? b_ : Tensor()),
          a_shape(a_.shape()),
          b_shape(b_.shape()) {}

    std::vector<Tensor> backward(const Tensor& grad) override {
      std::vector<Tensor> grads(2);
      if (needs_grad(0)) grads[0] = sum_to(mul(grad, b.get()), a_shape);
      if (needs_grad(1)) grads[1] = sum_to(mul(grad, a.get()), b_shape);
      return grads;
    }
  };

  check_same_floating(kOp, a, b);
  return record<MulNode>(kOp, zip(kOp, Binary::Mul, a, b), {a, b}, a, b);
}

Tensor div(const Tensor& a, const Tensor& b) {
  constexpr const char* kOp = "div";
  struct DivNode final : Node {
    SavedTensor a;
    SavedTensor b;
    Shape a_shape;
    Shape b_shape;
    DivNode(const Tensor& a_, const Tensor& b_)
        : a(*this, b_.requires_grad() ? a_ : Tensor()), b(*this, b_), a_shape(a_.shape()), b_shape(b_.shape()) {}

    std::vector<Tensor> backward(const Tensor& grad) override {
      std::vector<Tensor> grads(2);
      if (needs_grad(0)) grads[0] = sum_to(div(grad, b.get()), a_shape);
      if (needs_grad(1)) {
        // Divided twice: b * b could overflow or vanish where the quotient does not.
        const Tensor slope = div(div(a.get(), b.get()), b.get());
        grads[1] = neg(sum_to(mul(grad, slope), b_shape));
      }
      return grads;
    }
  };

  check_same_floating(kOp, a, b);
  return record<DivNode>(kOp, zip(kOp, Binary::Div, a, b), {a, b}, a, b);
}

Tensor neg(const Tensor& x) {
  struct NegNode final : Node {
    std::vector<Tensor> backward(const Tensor& grad) override { return {neg(grad)}; }
  };

  check_floating("neg", x);
  return record<NegNode>("neg", map(Unary::Neg, x), {x});
}

Tensor add_scalar(const Tensor& x, double scalar) {
  struct AddScalarNode final : Node {
    std::vector<Tensor> backward(const Tensor& grad) override { return {grad}; }
  };

  check_floating("add_scalar", x);
  return record<AddScalarNode>("add_scalar", zip_scalar(Binary::Add, x, scalar), {x});
}

Tensor mul_scalar(const Tensor& x, double scalar) {
  struct MulScalarNode final : Node {
    double scalar;
    explicit MulScalarNode(double scalar_) : scalar(scalar_) {}
    std::vector<Tensor> backward(const Tensor& grad) override { return {mul_scalar(grad, scalar)}; }
  };

  check_floating("mul_scalar", x);
  return record<MulScalarNode>("mul_scalar", zip_scalar(Binary::Mul, x, scalar), {x}, scalar);
}

}  // namespace gossamer
