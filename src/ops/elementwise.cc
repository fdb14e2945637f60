// The elementwise kernels on tensors, and arithmetic with broadcasting. Gradients of stretched operands are summed back
// to their shapes.
#include "ops/elementwise.h"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <tuple>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/dispatch.h"
#include "gossamer/ops/elementwise.h"
#include "gossamer/ops/math.h"
#include "kernels/elementwise.h"
#include "ops/broadcast.h"
#include "ops/check.h"
#include "ops/reduce.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "tensor/layout.h"

namespace gossamer {

using kernels::Binary;
using kernels::Unary;

namespace {

// run(n, operands..., out) for pieces of operands of one shape and dtype, in the given layout. `out` holds it, and may
// be one of the operands.
template <class Run, class... Operands>
Tensor run_pieces(const Layout& layout, Tensor out, const Run& run, const Tensor& x, const Operands&... others) {
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

namespace {

Tensor zip_scalar_into(Binary op, const Tensor& x, double scalar, const Layout& layout, const Tensor& out) {
  const auto run = [=]<class T>(int64_t n, const T* from, T* y) {
    const T rounded = static_cast<T>(scalar);
    kernels::zip(op, n, {from}, {&rounded, 0}, y);
  };
  return run_pieces(layout, out, run, x);
}

}  // namespace

Tensor map(Unary op, const Tensor& x) {
  const Layout layout = Layout::of(x);
  const auto run = [op](int64_t n, const auto* from, auto* y) { kernels::map(op, n, from, y); };
  return run_pieces(layout, layout.empty(x.shape(), x.dtype()), run, x);
}

Tensor zip_scalar(Binary op, const Tensor& x, double scalar) {
  const Layout layout = Layout::of(x);
  return zip_scalar_into(op, x, scalar, layout, layout.empty(x.shape(), x.dtype()));
}

namespace {

Tensor zip_equal(Binary op, const Tensor& a, const Tensor& b, const Layout& layout, const Tensor& out) {
  const auto run = [op](int64_t n, const auto* x, const auto* y, auto* to) { kernels::zip(op, n, {x}, {y}, to); };
  return run_pieces(layout, out, run, layout.take(a), layout.take(b));
}

}  // namespace

Tensor zip_over(const char* name, Binary op, const Tensor& a, const Tensor& b) {
  const Layout layout = Layout::either(a, b);
  if (!b.owns_storage_alone() || Layout::of(b).width() != layout.width()) return zip(name, op, a, b);
  return zip_equal(op, a, b, layout, b.detach());
}

Tensor zip(const char* name, Binary op, const Tensor& a, const Tensor& b) {
  if (a.shape() == b.shape()) {
    const Layout layout = Layout::either(a, b);
    return zip_equal(op, a, b, layout, layout.empty(a.shape(), a.dtype()));
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

Tensor recorded_map(const char* name, const Tensor& x, Unary op, Binary grad_op, Keeps keeps) {
  struct MapNode final : Node {
    const char* name;
    Binary grad_op;
    SavedTensor kept;
    MapNode(const char* name_, Binary grad_op_, const Tensor& kept_)
        : name(name_), grad_op(grad_op_), kept(*this, kept_) {}

    Gradients backward(const Tensor& grad) override { return {zip_over(name, grad_op, kept.get(), grad)}; }
  };

  check_floating(name, x);
  const Tensor y = map(op, x);
  return record<MapNode>(name, y, {x}, name, grad_op, keeps == Keeps::Input ? x.detach() : y);
}

Tensor recorded_zip_scalar(const char* name, const Tensor& x, Binary op, Binary slope_op, double scalar) {
  struct ZipScalarNode final : Node {
    const char* name;
    Binary slope_op;
    SavedTensor x;
    double scalar;
    ZipScalarNode(const char* name_, Binary slope_op_, const Tensor& x_, double scalar_)
        : name(name_), slope_op(slope_op_), x(*this, x_), scalar(scalar_) {}

    Gradients backward(const Tensor& grad) override {
      return {zip_over(name, Binary::Mul, zip_scalar(slope_op, x.get(), scalar), grad)};
    }
  };

  return record<ZipScalarNode>(name, zip_scalar(op, x, scalar), {x}, name, slope_op, x.detach(), scalar);
}

Tensor add(const Tensor& a, const Tensor& b) {
  constexpr const char* kOp = "add";
  struct AddNode final : Node {
    Input a{*this}, b{*this};

    Gradients backward(const Tensor& grad) override {
      return {a.gradient([&] { return sum_to(grad, a.shape()); }), b.gradient([&] { return sum_to(grad, b.shape()); })};
    }
  };

  check_same_floating(kOp, a, b);
  return record<AddNode>(kOp, zip(kOp, Binary::Add, a, b), {a, b});
}

Tensor sub(const Tensor& a, const Tensor& b) {
  constexpr const char* kOp = "sub";
  struct SubNode final : Node {
    Input a{*this}, b{*this};

    Gradients backward(const Tensor& grad) override {
      return {a.gradient([&] { return sum_to(grad, a.shape()); }),
              b.gradient([&] { return neg(sum_to(grad, b.shape())); })};
    }
  };

  check_same_floating(kOp, a, b);
  return record<SubNode>(kOp, zip(kOp, Binary::Sub, a, b), {a, b});
}

Tensor mul(const Tensor& a, const Tensor& b) {
  constexpr const char* kOp = "mul";
  struct MulNode final : Node {
    Input a{*this, {&b}}, b{*this, {&a}};

    Gradients backward(const Tensor& grad) override {
      return {a.gradient([&] { return sum_to(mul(grad, b.value()), a.shape()); }),
              b.gradient([&] { return sum_to(mul(grad, a.value()), b.shape()); })};
    }
  };

  check_same_floating(kOp, a, b);
  return record<MulNode>(kOp, zip(kOp, Binary::Mul, a, b), {a, b});
}

Tensor div(const Tensor& a, const Tensor& b) {
  constexpr const char* kOp = "div";
  struct DivNode final : Node {
    Input a{*this, {&b}}, b{*this, {&a, &b}};

    Gradients backward(const Tensor& grad) override {
      // Divided twice: b * b could overflow or vanish where the quotient does not.
      const auto slope = [&] { return div(div(a.value(), b.value()), b.value()); };
      return {a.gradient([&] { return sum_to(div(grad, b.value()), a.shape()); }),
              b.gradient([&] { return neg(sum_to(mul(grad, slope()), b.shape())); })};
    }
  };

  check_same_floating(kOp, a, b);
  return record<DivNode>(kOp, zip(kOp, Binary::Div, a, b), {a, b});
}

Tensor neg(const Tensor& x) {
  constexpr const char* kOp = "neg";
  struct NegNode final : Node {
    Gradients backward(const Tensor& grad) override { return {neg(grad)}; }
  };

  check_floating(kOp, x);
  return record<NegNode>(kOp, map(Unary::Neg, x), {x});
}

Tensor add_scalar(const Tensor& x, double scalar) {
  constexpr const char* kOp = "add_scalar";
  struct AddScalarNode final : Node {
    Gradients backward(const Tensor& grad) override { return {grad}; }
  };

  check_floating(kOp, x);
  return record<AddScalarNode>(kOp, zip_scalar(Binary::Add, x, scalar), {x});
}

Tensor mul_scalar(const Tensor& x, double scalar) {
  constexpr const char* kOp = "mul_scalar";
  struct MulScalarNode final : Node {
    double scalar;
    explicit MulScalarNode(double scalar_) : scalar(scalar_) {}
    Gradients backward(const Tensor& grad) override { return {mul_scalar(grad, scalar)}; }
  };

  check_floating(kOp, x);
  return record<MulScalarNode>(kOp, zip_scalar(Binary::Mul, x, scalar), {x}, scalar);
}

Tensor div_scalar(const Tensor& x, double scalar) {
  constexpr const char* kOp = "div_scalar";
  struct DivScalarNode final : Node {
    double scalar;
    explicit DivScalarNode(double scalar_) : scalar(scalar_) {}
    Gradients backward(const Tensor& grad) override { return {div_scalar(grad, scalar)}; }
  };

  check_floating(kOp, x);
  return record<DivScalarNode>(kOp, zip_scalar(Binary::Div, x, scalar), {x}, scalar);
}

Tensor operator/(double scalar, const Tensor& x) { return mul_scalar(reciprocal(x), scalar); }

namespace {

void check_in_place(const char* name, const Tensor& x, const Tensor& y) {
  if (!grad_enabled() || !(x.requires_grad() || y.requires_grad())) return;
  fail<StateError>(name, "what is changed in place is not recorded, so neither side may need a gradient",
                   fmt::format("the {} does", x.requires_grad() ? "left one" : "right one"),
                   fmt::format("write x = x {} y, or let a NoGrad live here", std::string_view(name).substr(0, 1)));
}

// Rows where there are any: they would go, and a pointer to them may be held.
Layout layout_in_place(const Tensor& x) { return TensorTiles::has_rows(x) ? Layout::rows() : Layout::of(x); }

// x becomes op(x, y).
Tensor& zip_in_place(const char* name, Binary op, Tensor& x, const Tensor& y) {
  check_same_floating(name, x, y);
  check_in_place(name, x, y);
  if (x.shape() == y.shape() && !x.shares_storage_with(y)) {
    zip_equal(op, x, y, layout_in_place(x), x.detach());
    return x;
  }
  const Tensor result = zip(name, op, x, y);
  if (result.shape() != x.shape()) {
    fail<ShapeError>(name, "the right side must broadcast to the shape of the left",
                     fmt::format("{} and {}", x.shape().to_string(), y.shape().to_string()));
  }
  x.copy_from(result);
  return x;
}

Tensor& zip_scalar_in_place(const char* name, Binary op, Tensor& x, double scalar) {
  check_floating(name, x);
  check_in_place(name, x, {});
  zip_scalar_into(op, x, scalar, layout_in_place(x), x.detach());
  return x;
}

}  // namespace

Tensor& operator+=(Tensor& x, const Tensor& y) { return zip_in_place("+=", Binary::Add, x, y); }
Tensor& operator-=(Tensor& x, const Tensor& y) { return zip_in_place("-=", Binary::Sub, x, y); }
Tensor& operator*=(Tensor& x, const Tensor& y) { return zip_in_place("*=", Binary::Mul, x, y); }
Tensor& operator/=(Tensor& x, const Tensor& y) { return zip_in_place("/=", Binary::Div, x, y); }
Tensor& operator+=(Tensor& x, double scalar) { return zip_scalar_in_place("+=", Binary::Add, x, scalar); }
Tensor& operator-=(Tensor& x, double scalar) { return zip_scalar_in_place("-=", Binary::Sub, x, scalar); }
Tensor& operator*=(Tensor& x, double scalar) { return zip_scalar_in_place("*=", Binary::Mul, x, scalar); }
Tensor& operator/=(Tensor& x, double scalar) { return zip_scalar_in_place("/=", Binary::Div, x, scalar); }

}  // namespace gossamer
