// Extremes, comparisons and choice.
#include "gossamer/ops/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <compare>
#include <cstdint>
#include <functional>
#include <limits>
#include <type_traits>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/dispatch.h"
#include "gossamer/ops/elementwise.h"
#include "ops/broadcast.h"
#include "ops/check.h"
#include "ops/elementwise.h"
#include "ops/reduce.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
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

namespace {

// f(a, b) elementwise with broadcasting, for integers and masks.
template <class T, class R, class F>
Tensor zip_whole(const char* name, const Tensor& a, const Tensor& b, F f) {
  const BroadcastPlan plan = plan_broadcast(a.shape(), b.shape(), name);
  Tensor out = Tensor::empty(plan.shape, dtype_of<R>);
  const T* const a_data = a.data<T>();
  const T* const b_data = b.data<T>();
  R* const to = out.mutable_data<R>();
  parallel_stretches(plan, [&](int64_t at, int64_t a_at, int64_t b_at, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
      to[at + i] = f(a_data[a_at + i * plan.stride_a[0]], b_data[b_at + i * plan.stride_b[0]]);
    }
  });
  return out;
}

template <class F>
Tensor extreme_of_integers(const char* name, const Tensor& a, const Tensor& b, F f) {
  if (a.dtype() == DType::i64) return zip_whole<int64_t, int64_t>(name, a, b, f);
  if (a.dtype() == DType::i32) return zip_whole<int32_t, int32_t>(name, a, b, f);
  fail<DTypeError>(name, "operands must be numbers", describe(a), "for masks take logical_or or logical_and");
}

}  // namespace

Tensor maximum(const Tensor& a, const Tensor& b) {
  constexpr const char* kOp = "maximum";
  struct MaximumNode final : Node {
    Input a{*this, {&a, &b}}, b{*this, {&a, &b}};

    Gradients backward(const Tensor& grad) override {
      return {a.gradient([&] { return sum_to(share_of_maximum(kOp, grad, a.value(), b.value()), a.shape()); }),
              b.gradient([&] { return sum_to(share_of_maximum(kOp, grad, b.value(), a.value()), b.shape()); })};
    }
  };

  check_same_dtype(kOp, a, b);
  if (!is_floating(a.dtype())) {
    return extreme_of_integers(kOp, a, b, [](auto x, auto y) { return std::max(x, y); });
  }
  return record<MaximumNode>(kOp, zip(kOp, Binary::Maximum, a, b), {a, b});
}

Tensor minimum(const Tensor& a, const Tensor& b) {
  constexpr const char* kOp = "minimum";
  struct MinimumNode final : Node {
    Input a{*this, {&a, &b}}, b{*this, {&a, &b}};

    // min(a, b) takes a exactly where max(b, a) takes b.
    Gradients backward(const Tensor& grad) override {
      return {a.gradient([&] { return sum_to(share_of_maximum(kOp, grad, b.value(), a.value()), a.shape()); }),
              b.gradient([&] { return sum_to(share_of_maximum(kOp, grad, a.value(), b.value()), b.shape()); })};
    }
  };

  check_same_dtype(kOp, a, b);
  if (!is_floating(a.dtype())) {
    return extreme_of_integers(kOp, a, b, [](auto x, auto y) { return std::min(x, y); });
  }
  return record<MinimumNode>(kOp, zip(kOp, Binary::Minimum, a, b), {a, b});
}

Tensor clamp(const Tensor& x, const ClampOptions& options) {
  constexpr const char* kOp = "clamp";
  struct ClampNode final : Node {
    SavedTensor x;
    ClampOptions bounds;
    ClampNode(const Tensor& x_, const ClampOptions& bounds_) : x(*this, x_), bounds(bounds_) {}

    Gradients backward(const Tensor& grad) override {
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

template <class F>
Tensor compare(const char* name, Binary op, const Tensor& a, const Tensor& b, F f) {
  check_same_dtype(name, a, b);
  if (is_floating(a.dtype())) return zip(name, op, a, b).to(DType::boolean);
  if (a.dtype() == DType::i64) return zip_whole<int64_t, bool>(name, a, b, f);
  if (a.dtype() == DType::i32) return zip_whole<int32_t, bool>(name, a, b, f);
  return zip_whole<bool, bool>(name, a, b, f);
}

// The order of an element of an integer type and a number, exactly: a double does not hold every int64_t.
template <class T>
std::partial_ordering order(T x, double number) {
  const auto value = static_cast<int64_t>(x);
  if (!(number < 0x1p63)) return std::isnan(number) ? std::partial_ordering::unordered : std::partial_ordering::less;
  if (number < -0x1p63) return std::partial_ordering::greater;
  const double whole = std::floor(number);
  const auto below = static_cast<int64_t>(whole);
  if (value != below) return value <=> below;
  return whole == number ? std::partial_ordering::equivalent : std::partial_ordering::less;
}

template <class F>
Tensor compare_number(const char* name, Binary op, const Tensor& x, double number, F f) {
  check_defined(name, x);
  if (is_floating(x.dtype())) return zip_scalar(op, x, number).to(DType::boolean);
  Tensor out = Tensor::empty(x.shape(), DType::boolean);
  dispatch_all(x.dtype(), [&]<class T>() {
    const T* const from = x.data<T>();
    bool* const to = out.mutable_data<bool>();
    rt::parallel_chunks(x.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i] = f(order(from[i], number));
    });
  });
  return out;
}

}  // namespace

Tensor eq(const Tensor& x, double number) { return compare_number("eq", Binary::Equal, x, number, std::is_eq); }
Tensor ne(const Tensor& x, double number) { return compare_number("ne", Binary::NotEqual, x, number, std::is_neq); }
Tensor lt(const Tensor& x, double number) { return compare_number("lt", Binary::Less, x, number, std::is_lt); }
Tensor le(const Tensor& x, double number) { return compare_number("le", Binary::LessEqual, x, number, std::is_lteq); }
Tensor gt(const Tensor& x, double number) { return compare_number("gt", Binary::Greater, x, number, std::is_gt); }
Tensor ge(const Tensor& x, double number) {
  return compare_number("ge", Binary::GreaterEqual, x, number, std::is_gteq);
}

Tensor eq(const Tensor& a, const Tensor& b) { return compare("eq", Binary::Equal, a, b, std::equal_to<>()); }
Tensor ne(const Tensor& a, const Tensor& b) { return compare("ne", Binary::NotEqual, a, b, std::not_equal_to<>()); }
Tensor lt(const Tensor& a, const Tensor& b) { return compare("lt", Binary::Less, a, b, std::less<>()); }
Tensor le(const Tensor& a, const Tensor& b) { return compare("le", Binary::LessEqual, a, b, std::less_equal<>()); }
Tensor gt(const Tensor& a, const Tensor& b) { return compare("gt", Binary::Greater, a, b, std::greater<>()); }
Tensor ge(const Tensor& a, const Tensor& b) {
  return compare("ge", Binary::GreaterEqual, a, b, std::greater_equal<>());
}

Tensor isnan(const Tensor& x) { return compare("isnan", Binary::NotEqual, x, x, std::not_equal_to<>()); }

Tensor isfinite(const Tensor& x) {
  check_defined("isfinite", x);
  if (!is_floating(x.dtype())) return Tensor::ones(x.shape(), DType::boolean);
  const double largest = dispatch_floating(
      x.dtype(), "isfinite", []<class T>() { return static_cast<double>(std::numeric_limits<T>::max()); });
  return zip_scalar(Binary::LessEqual, map(kernels::Unary::Abs, x), largest).to(DType::boolean);
}

namespace {

// Whether f(a[i], b[i]) for all elements of tensors of one shape and dtype.
template <class F>
bool holds_everywhere(const Tensor& a, const Tensor& b, const F& f) {
  return dispatch_all(a.dtype(), [&]<class T>() {
    const T* const x = a.data<T>();
    const T* const y = b.data<T>();
    return rt::parallel_sum(a.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
             for (int64_t i = begin; i < end; ++i) {
               if (!f(x[i], y[i])) return 1.0;
             }
             return 0.0;
           }) == 0;
  });
}

}  // namespace

bool equal(const Tensor& a, const Tensor& b) {
  check_defined("equal", a);
  check_defined("equal", b);
  return a.shape() == b.shape() && a.dtype() == b.dtype() && holds_everywhere(a, b, std::equal_to<>());
}

bool allclose(const Tensor& a, const Tensor& b, const AllcloseOptions& options) {
  constexpr const char* kOp = "allclose";
  check_same_dtype(kOp, a, b);
  if (!(options.rtol >= 0) || !(options.atol >= 0)) {
    fail<ConfigError>(kOp, "rtol and atol must be at least 0", fmt::format("{} and {}", options.rtol, options.atol));
  }
  const Shape shape = broadcast_shapes(a.shape(), b.shape(), kOp);
  const auto stretched = [&](const Tensor& t) { return t.shape() == shape ? t.detach() : expand(t.detach(), shape); };
  return holds_everywhere(stretched(a), stretched(b), [&](auto x, auto y) {
    if (x == y) return true;
    const auto u = static_cast<double>(x);
    const auto v = static_cast<double>(y);
    if (std::isnan(u) || std::isnan(v)) return options.equal_nan && std::isnan(u) && std::isnan(v);
    return std::isfinite(v) && std::abs(u - v) <= options.atol + options.rtol * std::abs(v);
  });
}

namespace {

void check_mask(const char* op, const Tensor& mask) {
  check_defined(op, mask);
  if (mask.dtype() == DType::boolean) return;
  fail<DTypeError>(op, "the mask must be bool", describe(mask), "make one by a comparison or .to(DType::boolean)");
}

template <class F>
Tensor zip_masks(const char* op, const Tensor& a, const Tensor& b, F f) {
  check_mask(op, a);
  check_mask(op, b);
  return zip_whole<bool, bool>(op, a, b, f);
}

}  // namespace

Tensor logical_and(const Tensor& a, const Tensor& b) { return zip_masks("logical_and", a, b, std::logical_and<>()); }
Tensor logical_or(const Tensor& a, const Tensor& b) { return zip_masks("logical_or", a, b, std::logical_or<>()); }
Tensor logical_xor(const Tensor& a, const Tensor& b) { return zip_masks("logical_xor", a, b, std::not_equal_to<>()); }
Tensor logical_not(const Tensor& x) {
  return zip_masks("logical_not", x, x, [](bool is_set, bool) { return !is_set; });
}

namespace {

template <int64_t kBytes>
using BitsOf = std::conditional_t<kBytes == 8, uint64_t, std::conditional_t<kBytes == 4, uint32_t, uint8_t>>;

// is_a ? a : b by bits: compilers branch otherwise, which costs ten times as much for a mask without order.
template <class T>
T selected(bool is_a, T a, T b) {
  using Bits = BitsOf<sizeof(T)>;
  const Bits keep = is_a ? static_cast<Bits>(~Bits(0)) : Bits(0);
  return std::bit_cast<T>(static_cast<Bits>((std::bit_cast<Bits>(a) & keep) | (std::bit_cast<Bits>(b) & ~keep)));
}

// mask ? a : b, where a and b have the shape of the mask or one element; an undefined one stands for 0.
Tensor choose(const Tensor& mask, const Tensor& a, const Tensor& b) {
  const DType dtype = (a.defined() ? a : b).dtype();
  Tensor out = Tensor::empty(mask.shape(), dtype);
  dispatch_all(dtype, [&]<class T>() {
    const bool* const is_a = mask.data<bool>();
    T* const to = out.mutable_data<T>();
    const auto fill = [&](auto&& value_of_a, auto&& value_of_b) {
      rt::parallel_chunks(mask.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) to[i] = selected(is_a[i], value_of_a(i), value_of_b(i));
      });
    };
    // Calls f with the function that gives element i of x.
    const auto with_elements_of = [&](const Tensor& x, auto&& f) {
      if (x.numel() > 1) return f([from = x.data<T>()](int64_t i) { return from[i]; });
      f([value = x.numel() == 1 ? *x.data<T>() : T(0)](int64_t) { return value; });
    };
    with_elements_of(a, [&](auto&& of_a) { with_elements_of(b, [&](auto&& of_b) { fill(of_a, of_b); }); });
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

    Gradients backward(const Tensor& grad) override {
      return {a.gradient([&] { return sum_to(choose(mask.get(), grad, Tensor()), a.shape()); }),
              b.gradient([&] { return sum_to(choose(mask.get(), Tensor(), grad), b.shape()); })};
    }
  };

  check_mask(kOp, mask);
  check_same_dtype(kOp, a, b);
  const Shape shape = broadcast_shapes(mask.shape(), broadcast_shapes(a.shape(), b.shape(), kOp), kOp);
  const auto stretched = [&](const Tensor& t) { return t.shape() == shape ? t.detach() : expand(t.detach(), shape); };
  const auto operand = [&](const Tensor& t) { return t.numel() == 1 ? t.detach() : stretched(t); };
  const Tensor whole = stretched(mask);
  return record<WhereNode>(kOp, choose(whole, operand(a), operand(b)), {a, b}, whole);
}

Tensor where(const Tensor& mask, const Tensor& a, double b) { return where(mask, a, Tensor::full({}, b, a.dtype())); }
Tensor where(const Tensor& mask, double a, const Tensor& b) { return where(mask, Tensor::full({}, a, b.dtype()), b); }

Tensor masked_fill(const Tensor& x, const Tensor& mask, double value) {
  constexpr const char* kOp = "masked_fill";
  check_defined(kOp, x);
  check_mask(kOp, mask);
  return where(mask, Tensor::full({}, value, x.dtype()), x);
}

}  // namespace gossamer
