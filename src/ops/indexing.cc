// Elements chosen, and added up, by their numbers.
#include "gossamer/ops/indexing.h"
#include "gossamer/block_allocator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/dispatch.h"
#include "gossamer/ops/shape.h"
#include "ops/check.h"
#include "ops/indexing.h"
#include "ops/lines.h"
#include "runtime/check.h"
#include "runtime/parallel.h"

namespace gossamer {

namespace {

// The indices as i64, all in [0, size).
Tensor checked_indices(const char* op, const Tensor& indices, int64_t size) {
  check_defined(op, indices);
  if (indices.dtype() != DType::i64 && indices.dtype() != DType::i32) {
    fail<DTypeError>(op, "indices must be i64 or i32", describe(indices), "convert with .to(DType::i64)");
  }
  const Tensor whole = indices.to(DType::i64).detach();
  const int64_t* const data = whole.data<int64_t>();
  const auto is_outside = [size](int64_t index) { return static_cast<uint64_t>(index) >= static_cast<uint64_t>(size); };
  const double outside = rt::parallel_sum(whole.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
    return static_cast<double>(std::count_if(data + begin, data + end, is_outside));
  });
  if (outside > 0) {
    const int64_t* const first = std::find_if(data, data + whole.numel(), is_outside);
    fail<IndexError>(op, fmt::format("indices must be in [0, {})", size),
                     fmt::format("{} at position {} of {}", *first, first - data, whole.shape().to_string()));
  }
  return whole;
}

// Where places may meet, each task has columns of its own: this many at least, since few from each of many rows miss
// the caches.
constexpr int64_t kColumns = 64;

// ---- Slices of a dimension ----

// to[outer, row[k], inner] += from[outer, k, inner], in the order of k.
void add_slices(const char* op, const Tensor& from, int dim, const Tensor& indices, Tensor& to) {
  const Axis axis = axis_of(to.shape(), dim);
  const int64_t n = indices.numel();
  dispatch_floating(to.dtype(), op, [&]<class T>() {
    const int64_t* const rows = indices.data<int64_t>();
    const T* const source = from.data<T>();
    T* const target = to.mutable_data<T>();
    const int64_t weight = std::min<int64_t>(n, rt::kElementGrain / kColumns);
    parallel_lines(axis.outer, axis.inner, weight, [&](int64_t outer, int64_t begin, int64_t end) {
      const T* line = source + outer * n * axis.inner;
      for (int64_t k = 0; k < n; ++k, line += axis.inner) {
        T* const sum = target + (outer * axis.size + rows[k]) * axis.inner;
        for (int64_t i = begin; i < end; ++i) sum[i] += line[i];
      }
    });
  });
}

struct IndexSelectNode final : Node {
  Input x{*this};
  int dim;
  SavedTensor indices;
  IndexSelectNode(int dim_, const Tensor& indices_) : dim(dim_), indices(*this, indices_) {}

  Gradients backward(const Tensor& grad) override {
    Tensor dx = Tensor::zeros(x.shape(), grad.dtype());
    add_backward(grad, dx);
    return {dx};
  }
  bool add_backward(const Tensor& grad, Tensor& sum) override {
    add_slices("index_select", grad, dim, indices.get(), sum);
    return true;
  }
};

// ---- Elements of lines ----

// How an index tensor lies in one that has more elements: along each dimension but `dim` it takes the first ones.
class Lines {
 public:
  Lines(const Shape& index, const Shape& whole, int dim)
      : of_index_(axis_of(index, dim)), of_whole_(axis_of(whole, dim)) {
    if (index.numel() == 0) return;  // sizes of which nothing comes may be huge
    const auto at = static_cast<size_t>(dim);
    outer_ = offsets(index.dims().first(at), whole.dims().first(at));
    inner_ = offsets(index.dims().subspan(at + 1), whole.dims().subspan(at + 1));
  }

  int64_t outer() const { return of_index_.outer; }
  int64_t size() const { return of_index_.size; }
  int64_t inner() const { return of_index_.inner; }
  // Of element [outer, k, inner] of the index.
  int64_t at(int64_t outer, int64_t k, int64_t inner) const {
    return (outer * of_index_.size + k) * of_index_.inner + inner;
  }
  // Of element [outer, 0, inner] of the whole, both counted in the index.
  int64_t line(int64_t outer, int64_t inner) const {
    const int64_t in_whole = outer_.empty() ? outer : outer_[static_cast<size_t>(outer)];
    return in_whole * of_whole_.size * of_whole_.inner + (inner_.empty() ? inner : inner_[static_cast<size_t>(inner)]);
  }
  int64_t stride() const { return of_whole_.inner; }

 private:
  // The number in `whole` of each element of `part`; nothing where it is the same.
  static BlockVector<int64_t> offsets(std::span<const int64_t> part, std::span<const int64_t> whole) {
    if (std::ranges::equal(part, whole)) return {};
    BlockVector<int64_t> list{0};
    for (size_t dim = 0; dim < part.size(); ++dim) {
      BlockVector<int64_t> longer;
      longer.reserve(list.size() * static_cast<size_t>(part[dim]));
      for (const int64_t offset : list) {
        for (int64_t i = 0; i < part[dim]; ++i) longer.push_back(offset * whole[dim] + i);
      }
      list = std::move(longer);
    }
    return list;
  }

  Axis of_index_;
  Axis of_whole_;
  BlockVector<int64_t> outer_;
  BlockVector<int64_t> inner_;
};

// f(place in the whole, place in the index) for each element, in parallel, in any order.
template <class F>
void for_each_in_parallel(const Lines& lines, const int64_t* index, F&& f) {
  const int64_t stride = lines.stride();
  parallel_lines(lines.outer(), lines.size(), lines.inner(), [&](int64_t outer, int64_t begin, int64_t end) {
    if (lines.inner() == 1) {
      // A loop of its own: entering one for a single element costs more than the element.
      const int64_t first = lines.at(outer, 0, 0);
      const int64_t line = lines.line(outer, 0);
      for (int64_t at = first + begin; at < first + end; ++at) f(line + index[at] * stride, at);
      return;
    }
    for (int64_t k = begin; k < end; ++k) {
      for (int64_t i = 0; i < lines.inner(); ++i) {
        const int64_t at = lines.at(outer, k, i);
        f(lines.line(outer, i) + index[at] * stride, at);
      }
    }
  });
}

// The same with the elements of a line by one task, in their order.
template <class F>
void for_each_in_order(const Lines& lines, const int64_t* index, F&& f) {
  const int64_t stride = lines.stride();
  const int64_t weight = std::min<int64_t>(lines.size(), rt::kElementGrain / kColumns);
  parallel_lines(lines.outer(), lines.inner(), weight, [&](int64_t outer, int64_t begin, int64_t end) {
    if (end - begin == 1) {
      const int64_t line = lines.line(outer, begin);
      int64_t at = lines.at(outer, 0, begin);
      for (int64_t k = 0; k < lines.size(); ++k, at += lines.inner()) f(line + index[at] * stride, at);
      return;
    }
    for (int64_t k = 0; k < lines.size(); ++k) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t at = lines.at(outer, k, i);
        f(lines.line(outer, i) + index[at] * stride, at);
      }
    }
  });
}

Tensor gathered(const Tensor& x, int dim, const Tensor& index) {
  Tensor out = Tensor::empty(index.shape(), x.dtype());
  dispatch_all(x.dtype(), [&]<class T>() {
    const T* const from = x.data<T>();
    T* const to = out.mutable_data<T>();
    for_each_in_parallel(Lines(index.shape(), x.shape(), dim), index.data<int64_t>(),
                         [&](int64_t place, int64_t at) { to[at] = from[place]; });
  });
  return out;
}

void scatter_add_into(const char* op, Tensor& to, int dim, const Tensor& index, const Tensor& source) {
  dispatch_floating(to.dtype(), op, [&]<class T>() {
    const T* const from = source.data<T>();
    T* const sum = to.mutable_data<T>();
    for_each_in_order(Lines(index.shape(), to.shape(), dim), index.data<int64_t>(),
                      [&](int64_t place, int64_t at) { sum[place] += from[at]; });
  });
}

struct GatherNode final : Node {
  Input x{*this};
  const char* op;
  int dim;
  SavedTensor index;
  GatherNode(const char* op_, int dim_, const Tensor& index_) : op(op_), dim(dim_), index(*this, index_) {}

  Gradients backward(const Tensor& grad) override {
    Tensor dx = Tensor::zeros(x.shape(), grad.dtype());
    add_backward(grad, dx);
    return {dx};
  }
  bool add_backward(const Tensor& grad, Tensor& sum) override {
    scatter_add_into(op, sum, dim, index.get(), grad);
    return true;
  }
};

struct CheckedIndex {
  int dim;
  Tensor index;
};

CheckedIndex check_index(const char* op, const Tensor& x, int dim, const Tensor& index) {
  check_defined(op, x);
  check_defined(op, index);
  const int at = normalize_dim(op, x.shape(), dim);
  bool fits = index.rank() == x.rank();
  for (int i = 0; fits && i < x.rank(); ++i) fits = i == at || index.shape()[i] <= x.shape()[i];
  if (!fits) {
    fail<ShapeError>(
        op, fmt::format("the index must have rank {}, and no larger size but that of dimension {}", x.rank(), at),
        fmt::format("{} for {}", index.shape().to_string(), x.shape().to_string()));
  }
  return {at, checked_indices(op, index, x.shape()[at])};
}

void check_source(const char* op, const Tensor& x, const Tensor& index, const Tensor& source) {
  check_same_dtype(op, x, source);
  if (source.shape() == index.shape()) return;
  fail<ShapeError>(op, "the source must have the shape of the index",
                   fmt::format("{} and {}", source.shape().to_string(), index.shape().to_string()));
}

}  // namespace

Tensor index_select(const Tensor& x, int dim, const Tensor& indices) {
  constexpr const char* kOp = "index_select";
  check_defined(kOp, x);
  const int at = normalize_dim(kOp, x.shape(), dim);
  const Axis axis = axis_of(x.shape(), at);
  const Tensor rows = checked_indices(kOp, indices, axis.size);
  if (rows.rank() != 1) fail<ShapeError>(kOp, "indices must be [n]", rows.shape().to_string(), "flatten them first");
  const int64_t n = rows.numel();
  Tensor out = Tensor::empty(with_size(x.shape(), at, n), x.dtype());
  dispatch_all(x.dtype(), [&]<class T>() {
    const int64_t* const row = rows.data<int64_t>();
    const T* const from = x.data<T>();
    T* const to = out.mutable_data<T>();
    parallel_lines(axis.outer, n, axis.inner, [&](int64_t outer, int64_t begin, int64_t end) {
      const T* const slices = from + outer * axis.size * axis.inner;
      T* const line = to + outer * n * axis.inner;
      if (axis.inner == 1) {
        for (int64_t k = begin; k < end; ++k) line[k] = slices[row[k]];
        return;
      }
      for (int64_t k = begin; k < end; ++k) {
        copy_run(slices + row[k] * axis.inner, axis.inner, line + k * axis.inner);
      }
    });
  });
  return record<IndexSelectNode>(kOp, out, {x}, at, rows);
}

Tensor record_gathered(const char* op, const Tensor& gathered, const Tensor& x, int dim, const Tensor& index) {
  return record<GatherNode>(op, gathered, {x}, op, dim, index);
}

Tensor gather(const Tensor& x, int dim, const Tensor& index) {
  constexpr const char* kOp = "gather";
  const CheckedIndex checked = check_index(kOp, x, dim, index);
  return record_gathered(kOp, gathered(x, checked.dim, checked.index), x, checked.dim, checked.index);
}

Tensor scatter_add(const Tensor& x, int dim, const Tensor& index, const Tensor& source) {
  constexpr const char* kOp = "scatter_add";
  struct ScatterAddNode final : Node {
    Input x{*this}, source{*this};
    int dim;
    SavedTensor index;
    ScatterAddNode(int dim_, const Tensor& index_) : dim(dim_), index(*this, index_, {&source}) {}

    Gradients backward(const Tensor& grad) override {
      return {grad, source.gradient([&] { return gathered(grad, dim, index.get()); })};
    }
  };

  check_floating(kOp, x);
  const CheckedIndex checked = check_index(kOp, x, dim, index);
  check_source(kOp, x, checked.index, source);
  Tensor out = Tensor::empty(x.shape(), x.dtype());
  out.copy_from(x);
  scatter_add_into(kOp, out, checked.dim, checked.index, source);
  return record<ScatterAddNode>(kOp, out, {x, source}, checked.dim, checked.index);
}

namespace {

// to[place] = value(position in the index), by the last one where places meet.
template <class T, class Value>
void scatter_into(Tensor& to, int dim, const Tensor& index, Value&& value) {
  T* const target = to.mutable_data<T>();
  for_each_in_order(Lines(index.shape(), to.shape(), dim), index.data<int64_t>(),
                    [&](int64_t place, int64_t at) { target[place] = value(at); });
}

// Of each element of the source, the gradient of the place that it was the last to be written to, else 0.
template <class T>
Tensor gradient_of_source(const Tensor& grad, int dim, const Tensor& index) {
  Tensor writer = Tensor::empty(grad.shape(), DType::i64);
  scatter_into<int64_t>(writer, dim, index, [](int64_t at) { return at; });
  Tensor out = Tensor::empty(index.shape(), grad.dtype());
  const int64_t* const last = writer.data<int64_t>();
  const T* const from = grad.data<T>();
  T* const to = out.mutable_data<T>();
  for_each_in_parallel(Lines(index.shape(), grad.shape(), dim), index.data<int64_t>(),
                       [&](int64_t place, int64_t at) { to[at] = last[place] == at ? from[place] : T(0); });
  return out;
}

}  // namespace

Tensor scatter(const Tensor& x, int dim, const Tensor& index, const Tensor& source) {
  constexpr const char* kOp = "scatter";
  struct ScatterNode final : Node {
    Input x{*this}, source{*this};
    int dim;
    SavedTensor index;
    ScatterNode(int dim_, const Tensor& index_) : dim(dim_), index(*this, index_) {}

    Gradients backward(const Tensor& grad) override {
      return dispatch_floating(grad.dtype(), kOp, [&]<class T>() -> Gradients {
        const auto kept = [&] {
          Tensor dx = grad.clone();
          scatter_into<T>(dx, dim, index.get(), [](int64_t) { return T(0); });
          return dx;
        };
        return {x.gradient(kept), source.gradient([&] { return gradient_of_source<T>(grad, dim, index.get()); })};
      });
    }
  };

  const CheckedIndex checked = check_index(kOp, x, dim, index);
  check_source(kOp, x, checked.index, source);
  Tensor out = Tensor::empty(x.shape(), x.dtype());
  out.copy_from(x);
  dispatch_all(x.dtype(), [&]<class T>() {
    const T* const from = source.data<T>();
    scatter_into<T>(out, checked.dim, checked.index, [&](int64_t at) { return from[at]; });
  });
  return record<ScatterNode>(kOp, out, {x, source}, checked.dim, checked.index);
}

Tensor masked_select(const Tensor& x, const Tensor& mask) {
  constexpr const char* kOp = "masked_select";
  check_defined(kOp, x);
  check_defined(kOp, mask);
  if (mask.dtype() != DType::boolean) {
    fail<DTypeError>(kOp, "the mask must be bool", describe(mask), "make one by a comparison or .to(DType::boolean)");
  }
  const Shape shape = broadcast_shapes(x.shape(), mask.shape(), kOp);
  const Tensor whole_mask = mask.shape() == shape ? mask : expand(mask, shape);
  const bool* const is_chosen = whole_mask.data<bool>();
  Tensor places = Tensor::empty({std::count(is_chosen, is_chosen + shape.numel(), true)}, DType::i64);
  int64_t* to = places.mutable_data<int64_t>();
  for (int64_t i = 0; i < shape.numel(); ++i) {
    if (is_chosen[i]) *to++ = i;
  }
  return index_select(reshape(x.shape() == shape ? x : expand(x, shape), {shape.numel()}), 0, places);
}

Tensor one_hot(const Tensor& indices, const OneHotOptions& options) {
  constexpr const char* kOp = "one_hot";
  if (options.classes < 0) fail<ConfigError>(kOp, "classes must be at least 0", fmt::format("{}", options.classes));
  const Tensor checked = checked_indices(kOp, indices, options.classes);
  BlockVector<int64_t> sizes(indices.shape().begin(), indices.shape().end());
  sizes.push_back(options.classes);
  Tensor out = Tensor::zeros(Shape(sizes), options.dtype);
  dispatch_all(options.dtype, [&]<class T>() {
    const int64_t* const index = checked.data<int64_t>();
    T* const to = out.mutable_data<T>();
    rt::parallel_chunks(checked.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i * options.classes + index[i]] = T(1);
    });
  });
  return out;
}

}  // namespace gossamer
