// Extremes, comparisons and choice.
#include "gossamer/ops/comparison.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/ops/elementwise.h"
#include "ops/broadcast.h"
#include "ops/check.h"
#include "ops/elementwise.h"
#include "ops/reduce.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "tensor/dispatch.h"
#include "tensor/format.h"

namespace gossamer {

using kernels::Binary;

namespace {

// Of the gradient of max(a, b), what goes to a. A share of 0 selects NaN away.
Tensor share_of_maximum(const char* name, const Tensor& grad, const Tensor& a, const Tensor& b) {
  const Tensor share = zip(name, Binary::MaximumShare, a, b);
  return mul(share, zip(name, Binary::Where, share, grad));
}

}  // namespace

Tensor maximum(const Tensor& a, const Tensor& b) {
  constexpr const char* kOp = "maximum";
  struct MaximumNode final : Node {
    Input a{*this, {&a, &b}}, b{*this, {&a, &b}};

    std::vector<Tensor> backward(const Tensor& grad) override {
      return {a.gradient([&] { return sum_to(share_of_maximum(kOp, grad, a.value(), b.value()), a.shape()); }),
              b.gradient([&] { return sum_to(share_of_maximum(kOp, grad, b.value(), a.value()), b.shape()); })};
    }
  };

  check_same_floating(kOp, a, b);
  return record<MaximumNode>(kOp, zip(kOp, Binary::Maximum, a, b), {a, b});
}

Tensor minimum(const Tensor& a, const Tensor& b) {
  constexpr const char* kOp = "minimum";
  struct MinimumNode final : Node {
    Input a{*this, {&a, &b}}, b{*this, {&a, &b}};

    // min(a, b) takes a exactly where max(b, a) takes b.
    std::vector<Tensor> backward(const Tensor& grad) override {
      return {a.gradient([&] { return sum_to(share_of_maximum(kOp, grad, b.value(), a.value()), a.shape()); }),
              b.gradient([&] { return sum_to(share_of_maximum(kOp, grad, a.value(), b.value()), b.shape()); })};
    }
  };

  check_same_floating(kOp, a, b);
  return record<MinimumNode>(kOp, zip(kOp, Binary::Minimum, a, b), {a, b});
}

Tensor clamp(const Tensor& x, const ClampOptions& options) {
  constexpr const char* kOp = "clamp";
  struct ClampNode final : Node {
    SavedTensor x;
    ClampOptions bounds;
    ClampNode(const Tensor& x_, const ClampOptions& bounds_) : x(*this, x_), bounds(bounds_) {}

    std::vector<Tensor> backward(const Tensor& grad) override {
      Tensor dx = grad;
      if (bounds.min) dx = zip(kOp, Binary::Where, zip_scalar(Binary::GreaterEqual, x.get(), *bounds.min), dx);
      if (bounds.max) dx = zip(kOp, Binary::Where, zip_scalar(Binary::LessEqual, x.get(), *bounds.max), dx);
      return {dx};
    }
  };

  check_floating(kOp, x);
  if (!options.min && !options.max) fail<ConfigError>(kOp, "min or max must be set", "neither");
  for (const auto& bound : {options.min, options.max}) {
    if (bound && std::isnan(*bound)) fail<ConfigError>(kOp, "bounds must be numbers", "nan");
  }
  Tensor y = options.min ? zip_scalar(Binary::Maximum, x, *options.min) : x.detach();
  if (options.max) y = zip_scalar(Binary::Minimum, y, *options.max);
  return record<ClampNode>(kOp, y, {x}, x.detach(), options);
}

namespace {

Tensor compare(const char* name, Binary op, const Tensor& a, const Tensor& b) {
  check_same_floating(name, a, b);
  return zip(name, op, a, b).to(DType::boolean);
}

}  // namespace

Tensor eq(const Tensor& a, const Tensor& b) { return compare("eq", Binary::Equal, a, b); }
Tensor ne(const Tensor& a, const Tensor& b) { return compare("ne", Binary::NotEqual, a, b); }
Tensor lt(const Tensor& a, const Tensor& b) { return compare("lt", Binary::Less, a, b); }
Tensor le(const Tensor& a, const Tensor& b) { return compare("le", Binary::LessEqual, a, b); }
Tensor gt(const Tensor& a, const Tensor& b) { return compare("gt", Binary::Greater, a, b); }
Tensor ge(const Tensor& a, const Tensor& b) { return compare("ge", Binary::GreaterEqual, a, b); }

namespace {

// mask ? a : b, all of one shape; an undefined operand stands for 0.
Tensor choose(const Tensor& mask, const Tensor& a, const Tensor& b) {
  const DType dtype = (a.defined() ? a : b).dtype();
  Tensor out = Tensor::empty(mask.shape(), dtype);
  dispatch_floating(dtype, "where", [&]<class T>() {
    const bool* const is_a = mask.data<bool>();
    const T* const from_a = a.defined() ? a.data<T>() : nullptr;
    const T* const from_b = b.defined() ? b.data<T>() : nullptr;
    T* const to = out.mutable_data<T>();
    rt::parallel_chunks(mask.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const T* const from = is_a[i] ? from_a : from_b;
        to[i] = from ? from[i] : T(0);
      }
    });
  });
  return out;
}

}  // namespace

Tensor where(const Tensor& mask, const Tensor& a, const Tensor& b) {
  constexpr const char* kOp = "where";
  struct WhereNode final : Node {
    Input a{*this}, b{*this};
    SavedTensor mask;
    explicit WhereNode(const Tensor& mask_) : mask(*this, mask_) {}

    std::vector<Tensor> backward(const Tensor& grad) override {
      return {a.gradient([&] { return sum_to(choose(mask.get(), grad, Tensor()), a.shape()); }),
              b.gradient([&] { return sum_to(choose(mask.get(), Tensor(), grad), b.shape()); })};
    }
  };

  check_defined(kOp, mask);
  if (mask.dtype() != DType::boolean) {
    fail<DTypeError>(kOp, "the mask must be bool", describe(mask), "make one by a comparison or .to(DType::boolean)");
  }
  check_same_floating(kOp, a, b);
  const Shape shape = broadcast_shapes(mask.shape(), broadcast_shapes(a.shape(), b.shape(), kOp), kOp);
  const auto stretched = [&](const Tensor& t) { return t.shape() == shape ? t.detach() : expand(t, shape); };
  const Tensor whole = stretched(mask);
  return record<WhereNode>(kOp, choose(whole, stretched(a), stretched(b)), {a, b}, whole);
}

}  // namespace gossamer
