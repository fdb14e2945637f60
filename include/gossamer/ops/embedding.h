// Rows of a table by their numbers.
#pragma once

#include <cstdint>
#include <optional>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

struct EmbeddingOptions {
  // A row that takes no gradient; negative counts from the last. IndexError outside the table.
  std::optional<int64_t> padding_idx = std::nullopt;
};

// indices [...] i64, weight [rows, cols] -> [..., cols]: row indices[i] at i, as torch.nn.functional.embedding. The
// gradient of a row is the sum over its occurrences, in their order. An index outside [0, rows) throws IndexError.
[[nodiscard]] Tensor embedding(const Tensor& indices, const Tensor& weight, const EmbeddingOptions& options = {});

}  // namespace gossamer
#pragma GCC visibility pop
