// Attention in blocks of queries and keys: no [t, s] matrix is ever whole. Backward forms the scores again from the
// logarithm of each row's sum.
#include "gossamer/ops/attention.h"
#include "gossamer/block_allocator.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/dispatch.h"
#include "kernels/elementwise.h"
#include "kernels/reduce.h"
#include "ops/check.h"
#include "runtime/blas.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "runtime/scratch.h"

namespace gossamer {

using kernels::Binary;

namespace {

constexpr const char* kOp = "scaled_dot_product_attention";

// A block of scores [64, 256] of float is 64 KiB: it stays in L2 beside the blocks of q, k and v.
constexpr int64_t kQueries = 64;
constexpr int64_t kKeys = 256;

struct Sizes {
  int64_t n;         // product of the leading dimensions
  int64_t heads;     // of q
  int64_t kv_heads;  // of k and v
  int64_t t;         // queries
  int64_t s;         // keys that count
  int64_t stored;    // rows of k and v
  int64_t d;         // of a query and a key
  int64_t e;         // of a value
};

// How the rows of one head lie: at (sample * heads + head) * t, or side by side in the rows of a sample.
struct Heads {
  int64_t heads;
  int64_t rows;
  int64_t width;
  bool merged;

  int64_t ld() const { return merged ? heads * width : width; }
  int64_t at(int64_t sample, int64_t head, int64_t row) const {
    return merged ? (sample * rows + row) * ld() + head * width : ((sample * heads + head) * rows + row) * width;
  }
};

// Strides, in elements, of a mask broadcast to [n, heads, t, s], where the leading dimensions need not merge into n.
struct MaskView {
  BlockVector<int64_t> offset;  // [n * heads]: of the first row
  int64_t row = 0;
  int64_t key = 0;
};

struct Plan {
  Sizes size;
  bool merged;
  bool causal;
  int64_t first_query;
  double scale;
  MaskView mask_view;

  Heads q() const { return {size.heads, size.t, size.d, merged}; }
  Heads k() const { return {size.kv_heads, size.stored, size.d, merged}; }
  Heads v() const { return {size.kv_heads, size.stored, size.e, merged}; }
  Heads out() const { return {size.heads, size.t, size.e, merged}; }

  // The keys that query i sees, without the mask.
  int64_t visible(int64_t i) const { return causal ? std::clamp<int64_t>(first_query + i + 1, 0, size.s) : size.s; }
};

// The elements, taken once: tensors of tasks would be converted and counted by each.
template <class T>
struct Operands {
  const T* q;
  const T* k;
  const T* v;
  const bool* mask;  // one of the masks, or none
  const T* added;

  Operands(const Tensor& q_, const Tensor& k_, const Tensor& v_, const Tensor& mask_)
      : q(q_.data<T>()), k(k_.data<T>()), v(v_.data<T>()), mask(nullptr), added(nullptr) {
    if (!mask_.defined()) return;
    if (mask_.dtype() == DType::boolean) {
      mask = mask_.data<bool>();
    } else {
      added = mask_.data<T>();
    }
  }
};

// The scores of queries [i0, i1) and keys [j0, j1) as rows of j1 - j0 numbers: scaled products, -inf where a query does
// not see a key.
template <class T>
void form_scores(const Plan& plan, const Operands<T>& in, int64_t sample, int64_t head, const T* scaled_q, int64_t i0,
                 int64_t i1, int64_t j0, int64_t j1, T* scores) {
  const Heads k = plan.k();
  const int64_t kv_head = head / (plan.size.heads / plan.size.kv_heads);
  const int64_t keys = j1 - j0;
  rt::gemm_here<T>({.m = i1 - i0, .n = keys, .k = plan.size.d, .trans_b = rt::Trans::Yes}, {scaled_q, plan.size.d},
                   {in.k + k.at(sample, kv_head, j0), k.ld()}, T(0), {scores, keys});
  constexpr T kNever = -std::numeric_limits<T>::infinity();
  for (int64_t i = i0; i < i1; ++i) {
    T* const row = scores + (i - i0) * keys;
    const int64_t seen = std::clamp<int64_t>(plan.visible(i) - j0, 0, keys);
    std::fill(row + seen, row + keys, kNever);
    if (in.mask == nullptr && in.added == nullptr) continue;
    const MaskView& view = plan.mask_view;
    const int64_t at = view.offset[static_cast<size_t>(sample * plan.size.heads + head)] + i * view.row + j0 * view.key;
    if (in.mask != nullptr) {
      const bool* const mask = in.mask + at;
      for (int64_t j = 0; j < seen; ++j) row[j] = mask[j * view.key] ? row[j] : kNever;
    } else {
      const T* const added = in.added + at;
      for (int64_t j = 0; j < seen; ++j) row[j] += added[j * view.key];
    }
  }
}

template <class T>
void scale_rows(const T* rows, int64_t n, int64_t width, int64_t ld, T scale, T* out) {
  for (int64_t i = 0; i < n; ++i) kernels::zip(Binary::Mul, width, {rows + i * ld}, {&scale, 0}, out + i * width);
}

// The result for queries [i0, i1) of one head, and the logarithm of the sum of each row's exponentials. The largest
// score so far is subtracted, and what was added up before is scaled when a larger one comes.
template <class T>
void attend(const Plan& plan, const Operands<T>& in, int64_t sample, int64_t head, int64_t i0, int64_t i1, T* result,
            double* log_sum) {
  const Sizes& size = plan.size;
  const int64_t kv_head = head / (size.heads / size.kv_heads);
  const int64_t rows = i1 - i0;
  const rt::Scratch scratch(rows * (size.d + kKeys) * static_cast<int64_t>(sizeof(T)));
  T* const scaled_q = reinterpret_cast<T*>(scratch.data());
  T* const scores = scaled_q + rows * size.d;
  const Heads q = plan.q();
  const Heads v = plan.v();
  scale_rows(in.q + q.at(sample, head, i0), rows, size.d, q.ld(), static_cast<T>(plan.scale), scaled_q);

  const int64_t ld = plan.out().ld();
  std::array<double, kQueries> top;
  std::array<double, kQueries> sum{};
  top.fill(-std::numeric_limits<double>::infinity());
  for (int64_t i = 0; i < rows; ++i) std::fill_n(result + i * ld, size.e, T(0));
  const int64_t visible = plan.visible(i1 - 1);
  for (int64_t j0 = 0; j0 < visible; j0 += kKeys) {
    const int64_t keys = std::min(kKeys, visible - j0);
    form_scores(plan, in, sample, head, scaled_q, i0, i1, j0, j0 + keys, scores);
    for (int64_t i = 0; i < rows; ++i) {
      T* const row = scores + i * keys;
      const auto at = static_cast<size_t>(i);
      const auto row_top = static_cast<double>(kernels::largest(keys, row));
      const double largest = row_top > top[at] || std::isnan(row_top) ? row_top : top[at];
      // Nothing is seen yet, unless a NaN hides from largest().
      if (largest == -std::numeric_limits<double>::infinity() && !std::isnan(kernels::sum(keys, row))) {
        std::fill_n(row, keys, T(0));
        continue;
      }
      if (j0 > 0 && largest > top[at]) {
        const double shrink = std::exp(top[at] - largest);
        const auto factor = static_cast<T>(shrink);
        kernels::zip(Binary::Mul, size.e, {result + i * ld}, {&factor, 0}, result + i * ld);
        sum[at] *= shrink;
      }
      top[at] = largest;
      sum[at] += kernels::exp_minus(keys, row, largest, row);
    }
    rt::gemm_here<T>({.m = rows, .n = size.e, .k = keys}, {scores, keys}, {in.v + v.at(sample, kv_head, j0), v.ld()},
                     T(1), {result, ld});
  }
  for (int64_t i = 0; i < rows; ++i) {
    const auto at = static_cast<size_t>(i);
    const bool sees_nothing = sum[at] == 0;
    const T factor = sees_nothing ? T(0) : static_cast<T>(1 / sum[at]);
    kernels::zip(Binary::Mul, size.e, {result + i * ld}, {&factor, 0}, result + i * ld);
    log_sum[i] = sees_nothing ? 0 : top[at] + std::log(sum[at]);
  }
}

// Memory of the results and, backward, of their gradient.
template <class T>
struct Rows {
  const T* y;
  const T* dy;
  T* dq;
  T* dk;
  T* dv;
};

// Writes dq of the queries [i0, i1) of one head and adds to dk and dv what they give. With p = exp(scores - log_sum):
// dv += pᵀ dy, ds = p (dy vᵀ - Σ dy y), dq = scale ds k, dk += scale dsᵀ q.
template <class T>
void attend_backward(const Plan& plan, const Operands<T>& in, const Rows<T>& at, const double* log_sum, int64_t sample,
                     int64_t head, int64_t i0, int64_t i1) {
  const Sizes& size = plan.size;
  const int64_t kv_head = head / (size.heads / size.kv_heads);
  const int64_t rows = i1 - i0;
  const rt::Scratch scratch(rows * (size.d + 2 * kKeys) * static_cast<int64_t>(sizeof(T)));
  T* const scaled_q = reinterpret_cast<T*>(scratch.data());
  T* const p = scaled_q + rows * size.d;
  T* const ds = p + rows * kKeys;
  const Heads q = plan.q();
  const Heads k = plan.k();
  const Heads v = plan.v();
  const Heads out = plan.out();
  const auto scale = static_cast<T>(plan.scale);
  scale_rows(in.q + q.at(sample, head, i0), rows, size.d, q.ld(), scale, scaled_q);
  const T* const dy_rows = at.dy + out.at(sample, head, i0);
  const T* const y_rows = at.y + out.at(sample, head, i0);
  T* const dq_rows = at.dq + q.at(sample, head, i0);
  for (int64_t i = 0; i < rows; ++i) std::fill_n(dq_rows + i * q.ld(), size.d, T(0));

  const int64_t visible = plan.visible(i1 - 1);
  for (int64_t j0 = 0; j0 < visible; j0 += kKeys) {
    const int64_t keys = std::min(kKeys, visible - j0);
    const int64_t k_at = k.at(sample, kv_head, j0);
    const int64_t v_at = v.at(sample, kv_head, j0);
    form_scores(plan, in, sample, head, scaled_q, i0, i1, j0, j0 + keys, p);
    for (int64_t i = 0; i < rows; ++i) kernels::exp_minus(keys, p + i * keys, log_sum[i], p + i * keys);
    rt::gemm_here<T>({.m = keys, .n = size.e, .k = rows, .trans_a = rt::Trans::Yes}, {p, keys}, {dy_rows, out.ld()},
                     T(1), {at.dv + v_at, v.ld()});
    rt::gemm_here<T>({.m = rows, .n = keys, .k = size.e, .trans_b = rt::Trans::Yes}, {dy_rows, out.ld()},
                     {in.v + v_at, v.ld()}, T(0), {ds, keys});
    for (int64_t i = 0; i < rows; ++i) {
      T* const row = ds + i * keys;
      const auto shift = static_cast<T>(kernels::dot(size.e, dy_rows + i * out.ld(), y_rows + i * out.ld()));
      kernels::zip(Binary::Sub, keys, {row}, {&shift, 0}, row);
      kernels::zip(Binary::Mul, keys, {p + i * keys}, {row}, row);
    }
    rt::gemm_here<T>({.m = rows, .n = size.d, .k = keys}, {ds, keys}, {in.k + k_at, k.ld()}, T(1), {dq_rows, q.ld()});
    rt::gemm_here<T>({.m = keys, .n = size.d, .k = rows, .trans_a = rt::Trans::Yes}, {ds, keys}, {scaled_q, size.d},
                     T(1), {at.dk + k_at, k.ld()});
  }
  for (int64_t i = 0; i < rows; ++i) {
    kernels::zip(Binary::Mul, size.d, {dq_rows + i * q.ld()}, {&scale, 0}, dq_rows + i * q.ld());
  }
}

struct AttentionNode final : Node {
  Input q{*this, {&q, &k, &v}}, k{*this, {&q, &k, &v}}, v{*this, {&q, &k, &v}};
  Plan plan;
  SavedTensor mask;
  SavedTensor y;
  SavedTensor log_sum;
  AttentionNode(Plan plan_, const Tensor& mask_, const Tensor& y_, const Tensor& log_sum_)
      : plan(std::move(plan_)), mask(*this, mask_), y(*this, y_), log_sum(*this, log_sum_) {}

  Gradients backward(const Tensor& grad) override {
    const DType dtype = grad.dtype();
    Tensor dq = Tensor::empty(q.shape(), dtype);
    Tensor dk = Tensor::zeros(k.shape(), dtype);
    Tensor dv = Tensor::zeros(v.shape(), dtype);
    const Sizes& size = plan.size;
    const int64_t group = size.heads / std::max<int64_t>(1, size.kv_heads);
    const double* const logs = log_sum.get().data<double>();
    dispatch_floating(dtype, kOp, [&]<class T>() {
      const Operands<T> in(q.value(), k.value(), v.value(), mask.get());
      const Rows<T> rows{y.get().data<T>(), grad.data<T>(), dq.mutable_data<T>(), dk.mutable_data<T>(),
                         dv.mutable_data<T>()};
      // A task owns the rows of one head of k and v, to which the queries add in order.
      rt::parallel_for(size.n * size.kv_heads, [&](int64_t task) {
        const int64_t sample = task / size.kv_heads;
        const int64_t kv_head = task % size.kv_heads;
        for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
          for (int64_t i = 0; i < size.t; i += kQueries) {
            attend_backward<T>(plan, in, rows, logs + (sample * size.heads + head) * size.t + i, sample, head, i,
                               std::min(size.t, i + kQueries));
          }
        }
      });
    });
    return {q.gradient([&] { return dq; }), k.gradient([&] { return dk; }), v.gradient([&] { return dv; })};
  }
};

[[noreturn]] void fail_shapes(const std::string& must_hold, const Tensor& q, const Tensor& k, const Tensor& v) {
  fail<ShapeError>(
      kOp, must_hold,
      fmt::format("q {}, k {}, v {}", q.shape().to_string(), k.shape().to_string(), v.shape().to_string()));
}

Sizes check_sizes(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options) {
  const bool merged = options.heads > 0;
  const int own = merged ? 2 : 3;
  if (q.rank() < own || k.rank() != q.rank() || v.rank() != q.rank()) {
    fail_shapes(merged ? "q, k and v must be [..., rows, heads * size], of one rank"
                       : "q, k and v must be [..., heads, rows, size], of one rank",
                q, k, v);
  }
  for (int i = 0; i < q.rank() - own; ++i) {
    if (k.dim(i) != q.dim(i) || v.dim(i) != q.dim(i)) fail_shapes("the leading sizes must be equal", q, k, v);
  }
  Sizes size{.n = Shape(q.shape().dims().first(static_cast<size_t>(q.rank() - own))).numel(),
             .heads = merged ? options.heads : q.dim(-3),
             .kv_heads = 0,
             .t = q.dim(-2),
             .s = options.keys.value_or(k.dim(-2)),
             .stored = k.dim(-2),
             .d = 0,
             .e = 0};
  if (merged) {
    size.kv_heads = options.kv_heads > 0 ? options.kv_heads : options.heads;
    if (q.dim(-1) % size.heads != 0 || k.dim(-1) % size.kv_heads != 0 || v.dim(-1) % size.kv_heads != 0) {
      fail_shapes(
          fmt::format("the last sizes must be multiples of {} heads of q and {} of k and v", size.heads, size.kv_heads),
          q, k, v);
    }
    size.d = q.dim(-1) / size.heads;
    size.e = v.dim(-1) / size.kv_heads;
    if (k.dim(-1) / size.kv_heads != size.d) fail_shapes("q and k must have heads of one size", q, k, v);
  } else {
    size.kv_heads = k.dim(-3);
    size.d = q.dim(-1);
    size.e = v.dim(-1);
    if (v.dim(-3) != size.kv_heads) fail_shapes("k and v must have as many heads", q, k, v);
    if (k.dim(-1) != size.d) fail_shapes("q and k must have heads of one size", q, k, v);
  }
  if (v.dim(-2) != size.stored) fail_shapes("k and v must have as many rows", q, k, v);
  if (size.s < 0 || size.s > size.stored)
    fail_shapes(fmt::format("k and v must have {} rows, as keys says", size.s), q, k, v);
  if (size.heads > 0 && (size.kv_heads == 0 || size.heads % size.kv_heads != 0)) {
    fail_shapes("the heads of k and v must divide those of q", q, k, v);
  }
  return size;
}

// Where the rows of the mask stand for each sample and head.
MaskView check_mask(const Tensor& mask, const Tensor& q, const Sizes& size, bool merged) {
  if (mask.requires_grad()) {
    fail<StateError>(kOp, "the mask takes no gradient", "one that requires it", "detach() it");
  }
  if (mask.dtype() != DType::boolean && mask.dtype() != q.dtype()) {
    fail<DTypeError>(kOp, fmt::format("the mask must be bool or {}", dtype_name(q.dtype())), dtype_name(mask.dtype()));
  }
  const int own = merged ? 2 : 3;
  BlockVector<int64_t> whole(q.shape().begin(), q.shape().begin() + (q.rank() - own));
  whole.insert(whole.end(), {size.heads, size.t, size.s});
  const Shape scores(whole);
  const int extra = scores.rank() - mask.rank();
  bool fits = extra >= 0;
  for (int i = 0; fits && i < mask.rank(); ++i) fits = mask.dim(i) == 1 || mask.dim(i) == scores[i + extra];
  if (!fits) {
    fail<ShapeError>(kOp, fmt::format("the mask must broadcast to {}", scores.to_string()), mask.shape().to_string());
  }
  // The stride of each dimension of the scores: 0 where the mask is repeated.
  BlockVector<int64_t> stride(static_cast<size_t>(scores.rank()), 0);
  int64_t step = 1;
  for (int i = mask.rank() - 1; i >= 0; --i) {
    const int at = i + extra;
    if (mask.dim(i) != 1) stride[static_cast<size_t>(at)] = step;
    step *= mask.dim(i);
  }
  MaskView view{.offset = {}, .row = stride[stride.size() - 2], .key = stride[stride.size() - 1]};
  view.offset.resize(static_cast<size_t>(size.n * size.heads));
  for (int64_t i = 0; i < size.n * size.heads; ++i) {
    int64_t left = i;
    for (int dim = scores.rank() - 3; dim >= 0; --dim) {
      view.offset[static_cast<size_t>(i)] += left % scores[dim] * stride[static_cast<size_t>(dim)];
      left /= scores[dim];
    }
  }
  return view;
}

}  // namespace

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options) {
  check_same_floating(kOp, q, k);
  check_same_floating(kOp, q, v);
  if (options.heads < 0 || options.kv_heads < 0 || options.first_query < 0) {
    fail<ConfigError>(kOp, "heads, kv_heads and first_query must be at least 0",
                      fmt::format("{}, {} and {}", options.heads, options.kv_heads, options.first_query));
  }
  if (options.scale && !std::isfinite(*options.scale)) {
    fail<ConfigError>(kOp, "scale must be finite", fmt::format("{}", *options.scale));
  }
  const Sizes size = check_sizes(q, k, v, options);
  Plan plan{.size = size,
            .merged = options.heads > 0,
            .causal = options.causal,
            .first_query = std::min(options.first_query, size.s),  // sees all keys, as any behind them
            .scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(std::max<int64_t>(1, size.d)))),
            .mask_view = {}};
  if (options.mask.defined()) plan.mask_view = check_mask(options.mask, q, size, plan.merged);

  BlockVector<int64_t> sizes(q.shape().begin(), q.shape().end());
  sizes.back() = plan.merged ? size.heads * size.e : size.e;
  Tensor y = Tensor::empty(Shape(sizes), q.dtype());
  Tensor log_sum = Tensor::empty({size.n, size.heads, size.t}, DType::f64);
  const int64_t blocks = (size.t + kQueries - 1) / kQueries;
  dispatch_floating(q.dtype(), kOp, [&]<class T>() {
    const Operands<T> in(q, k, v, options.mask);
    T* const out = y.mutable_data<T>();
    double* const logs = log_sum.mutable_data<double>();
    rt::parallel_for(size.n * size.heads * blocks, [&](int64_t task) {
      const int64_t head = task / blocks % size.heads;
      const int64_t sample = task / blocks / size.heads;
      const int64_t first = task % blocks * kQueries;
      attend<T>(plan, in, sample, head, first, std::min(size.t, first + kQueries),
                out + plan.out().at(sample, head, first), logs + (sample * size.heads + head) * size.t + first);
    });
  });
  return record<AttentionNode>(kOp, y, {q, k, v}, std::move(plan), options.mask, y, log_sum);
}

}  // namespace gossamer
