// Embedding. A dense table is a CSR one with every connection: its slots are its elements.
#include "ops/csr/embedding.h"
#include "gossamer/block_allocator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/dispatch.h"
#include "ops/check.h"
#include "ops/csr/gradient_tap.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "tensor/csr/walk.h"

namespace gossamer {

namespace {

constexpr const char* kOp = "embedding";
constexpr int64_t kNone = -1;

// Where each row of the table is used: the positions of the batch by row, those of one row in order.
struct RowUses {
  BlockVector<int64_t> rows;      // that are used, ascending
  BlockVector<int64_t> first;     // [rows + 1] of each row: where its positions begin
  BlockVector<int64_t> position;  // [n]
};

RowUses group_by_row(std::span<const int64_t> indices) {
  RowUses uses;
  uses.position.resize(indices.size());
  std::iota(uses.position.begin(), uses.position.end(), 0);
  std::ranges::sort(uses.position, {}, [&](int64_t p) { return std::pair(indices[static_cast<size_t>(p)], p); });
  for (size_t i = 0; i < indices.size(); ++i) {
    const int64_t row = indices[static_cast<size_t>(uses.position[i])];
    if (!uses.rows.empty() && uses.rows.back() == row) continue;
    uses.rows.push_back(row);
    uses.first.push_back(static_cast<int64_t>(i));
  }
  uses.first.push_back(static_cast<int64_t>(indices.size()));
  return uses;
}

// Calls f(SlotPosition, position) for every use of a nonzero, in parallel: a row's uses in order, by one task.
// begin_use(position) comes before those of each position.
template <class Begin, class F>
void for_each_use(const RowUses& uses, const CsrPattern& pattern, Begin&& begin_use, F&& f) {
  const int64_t grain = std::max<int64_t>(64, rt::kElementGrain / std::max<int64_t>(1, pattern.cols()));
  rt::parallel_chunks(static_cast<int64_t>(uses.position.size()), grain, [&](int64_t begin, int64_t end) {
    CsrWalk walk(pattern);
    auto row = static_cast<size_t>(std::ranges::lower_bound(uses.first, begin) - uses.first.begin());
    for (; row < uses.rows.size() && uses.first[row] < end; ++row) {
      walk.load_row(uses.rows[row]);
      for (int64_t i = uses.first[row]; i < uses.first[row + 1]; ++i) {
        const int64_t position = uses.position[static_cast<size_t>(i)];
        begin_use(position);
        walk.for_each_of_row(uses.rows[row], [&](const SlotPosition& slot) { f(slot, position); });
      }
    }
  });
}

// grad[slot] = the sum over the uses of the slot's row; 0 where there is none, and in the row `padding`.
void add_up_rows(const RowUses& uses, const CsrPattern& pattern, int64_t padding, const Tensor& dy, Tensor& grad) {
  dispatch_floating(dy.dtype(), kOp, [&]<class T>() {
    const T* const from = dy.data<T>();
    T* const to = grad.mutable_data<T>();
    const auto nothing = [](int64_t) {};
    for_each_use(uses, pattern, nothing, [&](const SlotPosition& p, int64_t position) {
      if (p.row != padding) to[p.slot] += from[position * pattern.cols() + p.col];
    });
  });
}

struct EmbeddingNode final : Node {
  Input values{*this};
  std::shared_ptr<const CsrPattern> pattern;
  std::shared_ptr<GradientTap> tap;
  RowUses uses;
  int64_t padding;
  EmbeddingNode(const std::shared_ptr<const CsrPattern>& pattern_, const std::shared_ptr<GradientTap>& tap_,
                RowUses uses_, int64_t padding_)
      : pattern(pattern_), tap(tap_), uses(std::move(uses_)), padding(padding_) {}

  Gradients backward(const Tensor& grad) override {
    Tensor dvalues = Tensor::zeros(values.shape(), grad.dtype());
    add_up_rows(uses, *pattern, padding, grad, dvalues);
    if (tap) add_to_tap(grad);
    return {dvalues};
  }

  // The gradient of all elements, alive or not, of the rows that are used: the others have none.
  void add_to_tap(const Tensor& grad) const {
    if (!tap->retains()) return tap->add_rows({}, {});
    const int64_t cols = pattern->cols();
    const auto n = static_cast<int64_t>(uses.rows.size());
    Tensor rows = Tensor::zeros({n, cols}, grad.dtype());
    dispatch_floating(grad.dtype(), kOp, [&]<class T>() {
      const T* const from = grad.data<T>();
      T* const to = rows.mutable_data<T>();
      rt::parallel_chunks(n, rt::grain_of(cols), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const auto row = static_cast<size_t>(i);
          if (uses.rows[row] == padding) continue;
          for (int64_t k = uses.first[row]; k < uses.first[row + 1]; ++k) {
            const T* const part = from + uses.position[static_cast<size_t>(k)] * cols;
            for (int64_t c = 0; c < cols; ++c) to[i * cols + c] += part[c];
          }
        }
      });
    });
    tap->add_rows(Tensor::from(std::span(uses.rows), {n}), rows);
  }
};

int64_t checked_row(std::string_view what, int64_t given, int64_t lowest, int64_t rows) {
  if (given < lowest || given >= rows) {
    fail<IndexError>(kOp, fmt::format("{} must be in [{}, {})", what, lowest, rows), fmt::format("{}", given));
  }
  return given < 0 ? given + rows : given;
}

Shape output_shape(const Shape& indices, int64_t cols) {
  BlockVector<int64_t> sizes(indices.begin(), indices.end());
  sizes.push_back(cols);
  return Shape(sizes);
}

// `weight.values` hold the nonzeros in any shape.
Tensor embed(const Tensor& indices, const CsrWeight& weight, const EmbeddingOptions& options) {
  check_defined(kOp, indices);
  if (indices.dtype() != DType::i64) {
    fail<DTypeError>(kOp, "indices must be i64", describe(indices), "convert with .to(DType::i64)");
  }
  const int64_t rows = weight.pattern->rows();
  const int64_t cols = weight.pattern->cols();
  const int64_t padding = options.padding_idx ? checked_row("padding_idx", *options.padding_idx, -rows, rows) : kNone;
  for (const int64_t index : indices.span<int64_t>()) checked_row("indices", index, 0, rows);

  RowUses uses = group_by_row(indices.span<int64_t>());
  const Tensor values = weight.used_values();
  Tensor out = Tensor::empty(output_shape(indices.shape(), cols), values.dtype());
  dispatch_floating(values.dtype(), kOp, [&]<class T>() {
    const T* const from = values.data<T>();
    T* const to = out.mutable_data<T>();
    const auto clear = [&](int64_t position) { std::fill_n(to + position * cols, cols, T(0)); };
    for_each_use(uses, *weight.used_pattern(), clear,
                 [&](const SlotPosition& p, int64_t position) { to[position * cols + p.col] = from[p.slot]; });
  });
  return record<EmbeddingNode>(kOp, out, {weight.values}, weight.pattern, weight.tap, std::move(uses), padding);
}

}  // namespace

Tensor csr_embedding(const Tensor& indices, const CsrWeight& weight, const EmbeddingOptions& options) {
  weight.check(kOp);
  return embed(indices, weight, options);
}

Tensor embedding(const Tensor& indices, const Tensor& weight, const EmbeddingOptions& options) {
  check_floating(kOp, weight);
  if (weight.rank() != 2) fail<ShapeError>(kOp, "weight must be [rows, cols]", weight.shape().to_string());
  return embed(indices, {.pattern = CsrPattern::full(weight.dim(0), weight.dim(1)), .values = weight}, options);
}

}  // namespace gossamer
