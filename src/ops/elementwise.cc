// Arithmetic with broadcasting. Gradients of stretched operands are summed back to their shapes.
#include <utility>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/ops.h"
#include "ops/broadcast.h"
#include "ops/check.h"
#include "ops/reduce.h"

namespace gossamer {

Tensor add(const Tensor& a, const Tensor& b) {
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

  check_same_floating("add", a, b);
  return record<AddNode>("add", zip("add", a, b, [](auto x, auto y) { return x + y; }), {a, b}, a, b);
}

Tensor sub(const Tensor& a, const Tensor& b) {
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

  check_same_floating("sub", a, b);
  return record<SubNode>("sub", zip("sub", a, b, [](auto x, auto y) { return x - y; }), {a, b}, a, b);
}

Tensor mul(const Tensor& a, const Tensor& b) {
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

  check_same_floating("mul", a, b);
  return record<MulNode>("mul", zip("mul", a, b, [](auto x, auto y) { return x * y; }), {a, b}, a, b);
}

Tensor div(const Tensor& a, const Tensor& b) {
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

  check_same_floating("div", a, b);
  return record<DivNode>("div", zip("div", a, b, [](auto x, auto y) { return x / y; }), {a, b}, a, b);
}

Tensor neg(const Tensor& x) {
  struct NegNode final : Node {
    std::vector<Tensor> backward(const Tensor& grad) override { return {neg(grad)}; }
  };

  check_floating("neg", x);
  return record<NegNode>("neg", map("neg", x, [](auto v) { return -v; }), {x});
}

Tensor add_scalar(const Tensor& x, double scalar) {
  struct AddScalarNode final : Node {
    std::vector<Tensor> backward(const Tensor& grad) override { return {grad}; }
  };

  check_floating("add_scalar", x);
  return record<AddScalarNode>("add_scalar", map("add_scalar", x, [=](auto v) { return v + decltype(v)(scalar); }),
                               {x});
}

Tensor mul_scalar(const Tensor& x, double scalar) {
  struct MulScalarNode final : Node {
    double scalar;
    explicit MulScalarNode(double scalar_) : scalar(scalar_) {}
    std::vector<Tensor> backward(const Tensor& grad) override { return {mul_scalar(grad, scalar)}; }
  };

  check_floating("mul_scalar", x);
  return record<MulScalarNode>("mul_scalar", map("mul_scalar", x, [=](auto v) { return v * decltype(v)(scalar); }), {x},
                               scalar);
}

}  // namespace gossamer
