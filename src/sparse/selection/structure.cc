#include "gossamer/sparse/structure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "gossamer/dispatch.h"
#include "runtime/check.h"
#include "sparse/selection/select.h"

namespace gossamer::sparse {

namespace {

void check(const NOfM& s) {
  if (!(s.m >= 1 && s.n >= 0 && s.n <= s.m)) {
    fail<ConfigError>("n of m", "0 <= n <= m and m >= 1 must hold", fmt::format("n {}, m {}", s.n, s.m));
  }
}

void check(const Blocks& b) {
  if (b.rows < 1 || b.cols < 1) {
    fail<ConfigError>("blocks", "a block must have at least 1 row and 1 column",
                      fmt::format("{} x {}", b.rows, b.cols));
  }
}

Tensor magnitudes(const Tensor& dense) {
  Tensor result = Tensor::empty(dense.shape(), dense.dtype());
  dispatch_floating(dense.dtype(), "magnitudes", [&]<class T>() {
    std::ranges::transform(dense.span<T>(), result.mutable_data<T>(), [](T x) { return std::abs(x); });
  });
  return result;
}

}  // namespace

Tensor make_mask_n_of_m(const Tensor& score, const NOfM& structure) {
  constexpr const char* kOp = "make_mask_n_of_m";
  check(structure);
  const auto [n, m, given_axis] = structure;
  const int rank = score.rank();
  if (given_axis < -rank || given_axis >= rank) {
    fail<ConfigError>(kOp, fmt::format("axis must lie in [{}, {})", -rank, rank), fmt::format("{}", given_axis));
  }
  const int axis = given_axis < 0 ? given_axis + rank : given_axis;
  const int64_t size = score.dim(axis);
  if (size % m != 0) {
    fail<ShapeError>(kOp, fmt::format("m = {} must divide dimension {}", m, axis), score.shape().to_string());
  }
  if (score.numel() == 0) return Tensor::zeros(score.shape(), DType::boolean);
  int64_t stride = 1;
  for (int i = axis + 1; i < rank; ++i) stride *= score.dim(i);
  Tensor mask = Tensor::zeros(score.shape(), DType::boolean);
  bool* kept = mask.mutable_data<bool>();
  dispatch_floating(score.dtype(), kOp, [&, n = n, m = m]<class T>() {
    const T* s = score.data<T>();
    const auto before = [&](int64_t a, int64_t b) {
      if (std::isnan(s[a]) || std::isnan(s[b])) return !std::isnan(s[a]) || (std::isnan(s[b]) && a < b);
      return s[a] > s[b] || (s[a] == s[b] && a < b);
    };
    std::vector<int64_t> group(static_cast<size_t>(m));
    // A group is m elements, a stride apart. Groups of one outer index follow each other along the axis.
    for (int64_t first = 0; first < score.numel(); first += stride * m) {
      for (int64_t lane = 0; lane < stride; ++lane) {
        for (int64_t i = 0; i < m; ++i) group[static_cast<size_t>(i)] = first + lane + i * stride;
        std::ranges::partial_sort(group, group.begin() + n, before);
        for (int64_t i = 0; i < n; ++i) kept[group[static_cast<size_t>(i)]] = true;
      }
    }
  });
  return mask;
}

Tensor make_mask_block_topk_sparsity(const Tensor& score, double sparsity, const Blocks& blocks) {
  constexpr const char* kOp = "make_mask_block_topk_sparsity";
  check(blocks);
  if (!(sparsity >= 0 && sparsity <= 1)) {
    fail<ConfigError>(kOp, "sparsity must lie in [0, 1]", fmt::format("{}", sparsity));
  }
  const auto [rows, cols] = as_matrix(score.shape());
  // A block that is larger than the matrix counts as one of its size; sums of these sizes do not overflow.
  const int64_t block_rows = std::min(blocks.rows, std::max<int64_t>(rows, 1));
  const int64_t block_cols = std::min(blocks.cols, std::max<int64_t>(cols, 1));
  const int64_t down = rows / block_rows + (rows % block_rows == 0 ? 0 : 1);
  const int64_t across = cols / block_cols + (cols % block_cols == 0 ? 0 : 1);
  // Calls f(index of an element) for the elements of a block.
  const auto for_each_element = [&, rows = rows, cols = cols](int64_t block, auto&& f) {
    const int64_t row = block / across * block_rows;
    const int64_t col = block % across * block_cols;
    for (int64_t r = row; r < row + std::min(block_rows, rows - row); ++r) {
      for (int64_t c = col; c < col + std::min(block_cols, cols - col); ++c) f(r * cols + c);
    }
  };
  TopK best(num_kept(static_cast<float>(sparsity), down * across));
  dispatch_floating(score.dtype(), kOp, [&]<class T>() {
    const T* s = score.data<T>();
    for (int64_t block = 0; block < down * across; ++block) {
      double sum = 0;
      double largest = -std::numeric_limits<double>::infinity();
      int64_t count = 0;
      for_each_element(block, [&](int64_t i) {
        sum += s[i];
        largest = std::max(largest, static_cast<double>(s[i]));
        ++count;
      });
      const bool by_max = blocks.pool == BlockPool::Max && !std::isnan(sum);
      best.offer(by_max ? largest : sum / static_cast<double>(count), block);
    }
  });
  Positions chosen;
  best.take(chosen);
  Tensor mask = Tensor::zeros(score.shape(), DType::boolean);
  bool* kept = mask.mutable_data<bool>();
  for (const int64_t block : chosen) for_each_element(block, [&](int64_t i) { kept[i] = true; });
  return mask;
}

InitMethod n_of_m_init(const NOfM& structure) {
  check(structure);
  return [structure](const InitContext& context) {
    const double own = 1 - static_cast<double>(structure.n) / static_cast<double>(structure.m);
    if (context.sparsity != static_cast<float>(own)) {
      fail<ConfigError>("n_of_m_init",
                        fmt::format("the sparsity of '{}' must be 1 - n / m = {}", context.parameter.name(), own),
                        fmt::format("{}", context.sparsity));
    }
    return CsrPattern::from_mask(make_mask_n_of_m(magnitudes(context.parameter.data()), structure));
  };
}

InitMethod block_init(const Blocks& blocks) {
  check(blocks);
  return [blocks](const InitContext& context) {
    return CsrPattern::from_mask(
        make_mask_block_topk_sparsity(magnitudes(context.parameter.data()), context.sparsity, blocks));
  };
}

}  // namespace gossamer::sparse
