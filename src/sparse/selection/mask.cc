#include "gossamer/sparse/mask.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string_view>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/dispatch.h"
#include "gossamer/ops.h"
#include "gossamer/sparse/init_method.h"
#include "runtime/check.h"
#include "tensor/mask_bytes.h"

namespace gossamer::sparse {

namespace {

void check_mask(std::string_view op, const Tensor& score, const Tensor& mask) {
  if (!mask.defined() || mask.shape() != score.shape()) {
    fail<ShapeError>(op, fmt::format("the mask must have the score's shape {}", score.shape().to_string()),
                     mask.defined() ? mask.shape().to_string() : "an undefined tensor");
  }
  if (mask.dtype() != DType::boolean)
    fail<DTypeError>(op, "the mask must be bool", dtype_name(mask.dtype()), "convert with .to(DType::boolean)");
  check_mask_bytes(op, mask);
}

void check_sparsity(std::string_view op, float sparsity) {
  if (!(sparsity >= 0 && sparsity <= 1)) {
    fail<ConfigError>(op, "sparsity must be from 0 to 1", fmt::format("{}", sparsity));
  }
}

void check_groups(std::string_view op, int64_t num_groups, int64_t n) {
  if (num_groups < 1 || n % num_groups != 0) {
    fail<ConfigError>(op, fmt::format("num_groups must be at least 1 and divide {}", n), fmt::format("{}", num_groups));
  }
}

// A shaped score and how it falls into groups of n.
struct Shaped {
  ShapedScore score;
  int64_t groups;
  int64_t n;
};

Shaped shape_score(std::string_view op, const Tensor& score, const ScoreShaper& shaper) {
  if (!score.defined()) fail<ShapeError>(op, "the score must be defined", "an undefined tensor");
  if (!shaper) fail<ConfigError>(op, "the shaper must be callable", "an empty function");
  ShapedScore shaped = shaper(score);
  if (!shaped.tensor.defined() || shaped.tensor.numel() != score.numel() || shaped.tensor.rank() == 0) {
    fail<ShapeError>(op, fmt::format("the shaper must arrange all {} elements in dimensions", score.numel()),
                     shaped.tensor.defined() ? shaped.tensor.shape().to_string() : "an undefined tensor");
  }
  if (!shaped.unshape) fail<ConfigError>(op, "the shaper's unshape must be callable", "an empty function");
  const int64_t n = shaped.tensor.dim(-1);
  return {std::move(shaped), n == 0 ? 0 : score.numel() / n, n};
}

// The mask of the k largest scores of each group among those that `candidate(i)` admits, in the original shape.
template <class Candidate>
Tensor largest(std::string_view op, const Tensor& original, const Shaped& shaped, int64_t k, Candidate&& candidate) {
  Tensor mask = Tensor::zeros(shaped.score.tensor.shape(), DType::boolean);
  bool* const chosen = mask.mutable_data<bool>();
  dispatch_floating(shaped.score.tensor.dtype(), op, [&]<class T>() {
    const T* const score = shaped.score.tensor.data<T>();
    const auto before = [&](int64_t a, int64_t b) {
      const bool a_nan = std::isnan(score[a]);
      const bool b_nan = std::isnan(score[b]);
      if (a_nan != b_nan) return a_nan;
      if (!a_nan && score[a] != score[b]) return score[a] > score[b];
      return a < b;
    };
    std::vector<int64_t> order;
    for (int64_t group = 0; group < shaped.groups; ++group) {
      order.clear();
      for (int64_t i = group * shaped.n; i < (group + 1) * shaped.n; ++i) {
        if (candidate(i)) order.push_back(i);
      }
      const auto kth = order.begin() + std::min(k, static_cast<int64_t>(order.size()));
      if (kth != order.end()) std::nth_element(order.begin(), kth, order.end(), before);
      for (auto at = order.begin(); at != kth; ++at) chosen[*at] = true;
    }
  });
  const Tensor result = shaped.score.unshape(mask);
  check_mask(op, original, result);
  return result;
}

int64_t count_ones(const Tensor& mask) {
  const auto bits = mask.span<bool>();
  return std::count(bits.begin(), bits.end(), true);
}

}  // namespace

ShapedScore ScoreFlattener::operator()(const Tensor& tensor) const {
  return {tensor.alias({tensor.numel()}), [shape = tensor.shape()](const Tensor& flat) { return flat.alias(shape); }};
}

ShapedScore OutputGroupScoreShaper::operator()(const Tensor& tensor) const {
  check_groups("OutputGroupScoreShaper", num_groups, tensor.numel());
  return {tensor.alias({num_groups, tensor.numel() / num_groups}),
          [shape = tensor.shape()](const Tensor& grouped) { return grouped.alias(shape); }};
}

ShapedScore InputGroupScoreShaper::operator()(const Tensor& tensor) const {
  constexpr std::string_view kOp = "InputGroupScoreShaper";
  if (tensor.rank() != 2) fail<ShapeError>(kOp, "the tensor must have rank 2", tensor.shape().to_string());
  const int64_t out = tensor.dim(0);
  const int64_t in = tensor.dim(1);
  check_groups(kOp, num_groups, in);
  const int64_t n = in / num_groups;
  const NoGrad no_grad;
  // Row-major within a group too, so that ties go to the lower position.
  const Tensor grouped = transpose(tensor.alias({out, num_groups, n}), 0, 1);
  return {grouped.alias({num_groups, out * n}), [groups = num_groups, out, n](const Tensor& shaped) {
            const NoGrad none;
            return transpose(shaped.alias({groups, out, n}), 0, 1).alias({out, groups * n});
          }};
}

Tensor make_mask_topk_sparsity(const Tensor& score, float sparsity, const ScoreShaper& shaper) {
  constexpr std::string_view kOp = "make_mask_topk_sparsity";
  check_sparsity(kOp, sparsity);
  const Shaped shaped = shape_score(kOp, score, shaper);
  return largest(kOp, score, shaped, num_kept(sparsity, shaped.n), [](int64_t) { return true; });
}

DroppedMask make_mask_drop_minimum(const Tensor& score, const Tensor& mask, float drop_fraction,
                                   const ScoreShaper& shaper) {
  constexpr std::string_view kOp = "make_mask_drop_minimum";
  const Shaped shaped = shape_score(kOp, score, shaper);
  check_mask(kOp, score, mask);
  const float in_group = static_cast<float>(count_ones(mask)) / static_cast<float>(std::max<int64_t>(1, shaped.groups));
  const float kept = (1 - drop_fraction) * in_group;
  if (!(kept >= 0 && kept < static_cast<float>(shaped.n) + 1)) {
    fail<ConfigError>(kOp, fmt::format("drop_fraction must leave 0 to {} connections in a group", shaped.n),
                      fmt::format("{} leaves {} of {}", drop_fraction, kept, in_group));
  }
  const auto k = static_cast<int64_t>(kept);
  return {largest(kOp, score, shaped, k, [](int64_t) { return true; }), k};
}

Tensor make_mask_grow_maximum(const Tensor& score, const Tensor& mask, float sparsity,
                              std::optional<int64_t> mask_nonzero, const ScoreShaper& shaper) {
  constexpr std::string_view kOp = "make_mask_grow_maximum";
  check_sparsity(kOp, sparsity);
  const Shaped shaped = shape_score(kOp, score, shaper);
  check_mask(kOp, score, mask);
  const Tensor present = shaper(mask).tensor;
  const bool* const is_present = present.data<bool>();
  const int64_t grow = std::max<int64_t>(num_kept(sparsity, shaped.n) - mask_nonzero.value_or(count_ones(mask)), 0);
  Tensor grown = largest(kOp, score, shaped, grow, [&](int64_t i) { return !is_present[i]; });
  bool* const both = grown.mutable_data<bool>();
  const bool* const before = mask.data<bool>();
  for (int64_t i = 0; i < grown.numel(); ++i) both[i] = both[i] || before[i];
  return grown;
}

}  // namespace gossamer::sparse
