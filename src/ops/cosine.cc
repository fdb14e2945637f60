// The cosine of the angle between vectors, and the loss made of it.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "gossamer/autograd.h"
#include "gossamer/block_allocator.h"
#include "gossamer/dispatch.h"
#include "ops/check.h"
#include "ops/loss.h"
#include "ops/loss_pointwise.h"
#include "runtime/check.h"
#include "runtime/scratch.h"

namespace gossamer {

namespace {

// With na = max(|a|, eps): (a b) / (na nb).
struct Cosine {
  double ab;
  double norm_a;
  double norm_b;

  double value(double eps) const { return ab / (std::max(norm_a, eps) * std::max(norm_b, eps)); }
};

template <class T>
Cosine measure(int64_t n, const T* a, const T* b) {
  return {kernels::dot(n, a, b), std::sqrt(kernels::sum_of_squares(n, a)), std::sqrt(kernels::sum_of_squares(n, b))};
}

struct CosineNode final : Node {
  const char* op;
  Input a{*this, {&a, &b}};
  Input b{*this, {&a, &b}};
  ClassLines lines;
  double eps;

  CosineNode(const char* op_, const ClassLines& lines_, double eps_) : op(op_), lines(lines_), eps(eps_) {}

  Gradients backward(const Tensor& grad) override {
    return {a.gradient([&] { return gradient(grad, a.value(), b.value()); }),
            b.gradient([&] { return gradient(grad, b.value(), a.value()); })};
  }

  // With respect to x: y / (nx ny) - cos x / nx², without the second term where eps stands in for the norm of x.
  Tensor gradient(const Tensor& grad, const Tensor& x, const Tensor& y) const {
    Tensor dx = Tensor::empty(x.shape(), x.dtype());
    dispatch_floating(x.dtype(), op, [&]<class T>() {
      const T* const from_x = x.data<T>();
      const T* const from_y = y.data<T>();
      const T* const g = grad.data<T>();
      T* const to = dx.mutable_data<T>();
      const int64_t n = lines.classes();
      rt::parallel_chunks(grad.numel(), lines.grain(), [&](int64_t begin, int64_t end) {
        const rt::Scratch scratch(3 * n * static_cast<int64_t>(sizeof(T)));
        T* const buffer = reinterpret_cast<T*>(scratch.data());
        for (int64_t i = begin; i < end; ++i) {
          const T* const xs = lines.read(from_x, i, buffer);
          const T* const ys = lines.read(from_y, i, buffer + n);
          T* const out = lines.target(to, i, buffer + 2 * n);
          const Cosine c = measure(n, xs, ys);
          const auto slope = static_cast<double>(g[i]);
          const double of_y = slope / (std::max(c.norm_a, eps) * std::max(c.norm_b, eps));
          const double of_x = c.norm_a > eps ? slope * c.value(eps) / (c.norm_a * c.norm_a) : 0;
          for (int64_t k = 0; k < n; ++k) {
            out[k] = static_cast<T>(of_y * static_cast<double>(ys[k]) - of_x * static_cast<double>(xs[k]));
          }
          lines.write(out, i, to);
        }
      });
    });
    return dx;
  }
};

// dim is counted from the first.
Tensor cosine(const char* op, const Tensor& a, const Tensor& b, int dim, double eps) {
  BlockVector<int64_t> sizes(a.shape().begin(), a.shape().end());
  sizes.erase(sizes.begin() + dim);
  const ClassLines lines(axis_of(a.shape(), dim));
  Tensor out = Tensor::empty(Shape(sizes), a.dtype());
  dispatch_floating(a.dtype(), op, [&]<class T>() {
    const T* const from_a = a.data<T>();
    const T* const from_b = b.data<T>();
    T* const to = out.mutable_data<T>();
    const int64_t n = lines.classes();
    rt::parallel_chunks(out.numel(), lines.grain(), [&](int64_t begin, int64_t end) {
      const rt::Scratch scratch(2 * n * static_cast<int64_t>(sizeof(T)));
      T* const buffer = reinterpret_cast<T*>(scratch.data());
      for (int64_t i = begin; i < end; ++i) {
        const Cosine c = measure(n, lines.read(from_a, i, buffer), lines.read(from_b, i, buffer + n));
        to[i] = static_cast<T>(c.value(eps));
      }
    });
  });
  return record<CosineNode>(op, out, {a, b}, op, lines, eps);
}

// Of a cosine x and a target of 1 or -1, which takes no gradient.
struct CosineEmbedding {
  double margin;

  template <class T>
  void loss(const Run<T>& r) const {
    const T least = static_cast<T>(margin);
    for (int64_t i = 0; i < r.n; ++i) {
      r.y[i] = r.t[i] > T(0) ? T(1) - r.x[i] : r.x[i] <= least ? T(0) : r.x[i] - least;
    }
  }
  template <class T>
  void slope_x(const Run<T>& r) const {
    const T least = static_cast<T>(margin);
    for (int64_t i = 0; i < r.n; ++i) r.y[i] = r.t[i] > T(0) ? T(-1) : r.x[i] <= least ? T(0) : T(1);
  }
  template <class T>
  void slope_t(const Run<T>& r) const {
    std::fill_n(r.y, r.n, T(0));
  }
};

void check_pair(const char* op, const Tensor& a, const Tensor& b) {
  check_same_floating(op, a, b);
  if (a.shape() != b.shape()) {
    fail<ShapeError>(op, "both operands must have one shape",
                     fmt::format("{} and {}", a.shape().to_string(), b.shape().to_string()));
  }
}

}  // namespace

Tensor cosine_similarity(const Tensor& a, const Tensor& b, const CosineSimilarityOptions& options) {
  constexpr const char* kOp = "cosine_similarity";
  check_pair(kOp, a, b);
  if (!(options.eps >= 0 && std::isfinite(options.eps))) {
    fail<ConfigError>(kOp, "eps must be 0 or more and finite", fmt::format("{}", options.eps));
  }
  return cosine(kOp, a, b, normalize_dim(kOp, a.shape(), options.dim), options.eps);
}

Tensor cosine_embedding_loss(const Tensor& a, const Tensor& b, const Tensor& targets,
                             const CosineEmbeddingLossOptions& options) {
  constexpr const char* kOp = "cosine_embedding_loss";
  constexpr double kEps = 1e-8;
  check_pair(kOp, a, b);
  if (!(options.margin >= -1 && options.margin <= 1)) {
    fail<ConfigError>(kOp, "margin must be in [-1, 1]", fmt::format("{}", options.margin));
  }
  if (a.rank() < 1) fail<ShapeError>(kOp, "operands must be [..., features]", a.shape().to_string());
  check_defined(kOp, targets);
  if (targets.dtype() != DType::i64) {
    fail<DTypeError>(kOp, "targets must be i64", describe(targets), "convert with .to(DType::i64)");
  }
  const Shape positions(a.shape().dims().first(static_cast<size_t>(a.rank() - 1)));
  if (targets.shape() != positions) {
    fail<ShapeError>(kOp, fmt::format("targets must be {} for {}", positions.to_string(), a.shape().to_string()),
                     targets.shape().to_string());
  }
  for (const int64_t target : targets.span<int64_t>()) {
    if (target != 1 && target != -1) {
      fail<IndexError>(kOp, "targets must be 1 or -1", fmt::format("{}", target));
    }
  }
  return pointwise_loss(kOp, cosine(kOp, a, b, a.rank() - 1, kEps), targets.to(a.dtype()),
                        CosineEmbedding{options.margin}, options.reduction);
}

}  // namespace gossamer
