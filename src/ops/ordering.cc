// Elements in the order of their values. Lines are ordered by integer keys that hold the index too: a total order, so
// that any algorithm gives the one result.
#include "gossamer/ops/ordering.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "gossamer/autograd.h"
#include "gossamer/dispatch.h"
#include "ops/check.h"
#include "ops/indexing.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "runtime/scratch.h"

namespace gossamer {

namespace {

template <class T>
using KeyOf = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

// Keys are in the order of the values; -0 has that of 0, and NaN the largest.
template <class T>
KeyOf<T> key_of(T value) {
  using Key = KeyOf<T>;
  constexpr Key kTop = Key(1) << (std::numeric_limits<Key>::digits - 1);
  if constexpr (std::is_same_v<T, bool>) {
    return value ? 1 : 0;
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<Key>(value) ^ kTop;
  } else {
    if (value != value) return std::numeric_limits<Key>::max();
    const Key bits = std::bit_cast<Key>(value + T(0));
    return (bits & kTop) != 0 ? ~bits : bits | kTop;
  }
}

// A key and an index, in this order.
struct WideItem {
  uint64_t key;
  int64_t index;
  bool operator<(const WideItem& other) const { return key != other.key ? key < other.key : index < other.index; }

  static WideItem of(uint64_t key, int64_t index) { return {key, index}; }
};

// Both in one word: halves the memory and the time of large lines.
struct NarrowItem {
  uint64_t key_and_index;
  bool operator<(const NarrowItem& other) const { return key_and_index < other.key_and_index; }

  static constexpr int64_t kMostElements = int64_t{1} << 32;
  static NarrowItem of(uint32_t key, int64_t i) { return {uint64_t{key} << 32 | static_cast<uint64_t>(i)}; }
};
int64_t index_of(const WideItem& item) { return item.index; }
int64_t index_of(const NarrowItem& item) { return static_cast<int64_t>(item.key_and_index & 0xffffffff); }

struct Selection {
  int64_t n;  // elements of a line
  int64_t k;  // of which the first are wanted
  bool sorted;

  // Items that are held at a time: a line as a whole, or twice those wanted.
  int64_t capacity() const { return k > (n - 64) / 2 ? n : 2 * k + 64; }
};

// The first k of the items at(0), ..., at(n - 1), into items[0, k).
template <class Item, class At>
void select(const Selection& s, Item* items, At&& at) {
  const int64_t capacity = s.capacity();
  const auto cut = [&](int64_t held) { std::nth_element(items, items + s.k - 1, items + held); };
  int64_t held = std::min(s.n, capacity);
  for (int64_t i = 0; i < held; ++i) items[i] = at(i);
  if (held < s.n) {
    cut(held);
    held = s.k;
    for (int64_t i = capacity; i < s.n; ++i) {
      const Item item = at(i);
      if (!(item < items[s.k - 1])) continue;
      items[held++] = item;
      if (held < capacity) continue;
      cut(held);
      held = s.k;
    }
  }
  if (held > s.k) cut(held);
  if (s.sorted) {
    std::sort(items, items + s.k);
  } else {
    std::sort(items, items + s.k, [](const Item& a, const Item& b) { return index_of(a) < index_of(b); });
  }
}

template <class Item, class T>
void select_lines(const Axis& axis, const Selection& s, bool descending, const T* x, T* values, int64_t* indices) {
  const KeyOf<T> reversed = descending ? ~KeyOf<T>(0) : KeyOf<T>(0);
  const int64_t grain = rt::grain_of(s.n);
  rt::parallel_chunks(axis.outer * axis.inner, grain, [&](int64_t begin, int64_t end) {
    const rt::Scratch scratch(s.capacity() * static_cast<int64_t>(sizeof(Item)));
    Item* const items = reinterpret_cast<Item*>(scratch.data());
    for (int64_t line = begin; line < end; ++line) {
      const int64_t outer = line / axis.inner;
      const int64_t inner = line % axis.inner;
      const T* const from = x + outer * s.n * axis.inner + inner;
      select(s, items, [&](int64_t i) { return Item::of(key_of(from[i * axis.inner]) ^ reversed, i); });
      for (int64_t j = 0; j < s.k; ++j) {
        const int64_t to = (outer * s.k + j) * axis.inner + inner;
        indices[to] = index_of(items[j]);
        values[to] = from[index_of(items[j]) * axis.inner];
      }
    }
  });
}

ValuesAndIndices ordered(const char* op, const Tensor& x, int dim, const Selection& selection, bool descending) {
  const Axis axis = axis_of(x.shape(), dim);
  const Shape shape = with_size(x.shape(), dim, selection.k);
  ValuesAndIndices result{Tensor::empty(shape, x.dtype()), Tensor::empty(shape, DType::i64)};
  if (shape.numel() > 0) {
    dispatch_all(x.dtype(), [&]<class T>() {
      const T* const from = x.data<T>();
      T* const values = result.values.mutable_data<T>();
      int64_t* const indices = result.indices.mutable_data<int64_t>();
      if constexpr (sizeof(T) < 8) {
        if (selection.n <= NarrowItem::kMostElements) {
          return select_lines<NarrowItem>(axis, selection, descending, from, values, indices);
        }
      }
      select_lines<WideItem>(axis, selection, descending, from, values, indices);
    });
  }
  result.values = record_gathered(op, result.values, x, dim, result.indices);
  return result;
}

ValuesAndIndices sorted(const char* op, const Tensor& x, const SortOptions& options) {
  check_defined(op, x);
  const int dim = normalize_dim(op, x.shape(), options.dim);
  const int64_t n = x.shape()[dim];
  return ordered(op, x, dim, {.n = n, .k = n, .sorted = true}, options.descending);
}

}  // namespace

ValuesAndIndices sort(const Tensor& x, const SortOptions& options) { return sorted("sort", x, options); }

Tensor argsort(const Tensor& x, const SortOptions& options) { return sorted("argsort", x.detach(), options).indices; }

ValuesAndIndices topk(const Tensor& x, int64_t k, const TopkOptions& options) {
  constexpr const char* kOp = "topk";
  check_defined(kOp, x);
  const int dim = normalize_dim(kOp, x.shape(), options.dim);
  const int64_t n = x.shape()[dim];
  if (k < 0 || k > n) {
    fail<ShapeError>(kOp, fmt::format("k must be in [0, {}]", n),
                     fmt::format("{} for dimension {} of {}", k, dim, x.shape().to_string()));
  }
  return ordered(kOp, x, dim, {.n = n, .k = k, .sorted = options.sorted}, options.largest);
}

}  // namespace gossamer
