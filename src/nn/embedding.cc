#include "gossamer/nn/embedding.h"

#include <fmt/format.h>

#include <algorithm>

#include "gossamer/dispatch.h"
#include "gossamer/functional.h"
#include "gossamer/nn/init.h"
#include "nn/sparse_options.h"
#include "runtime/check.h"

namespace gossamer::nn {

namespace {

constexpr const char* kOp = "Embedding";

void check_padding(const EmbeddingOptions& options) {
  const int64_t rows = options.num_embeddings;
  if (const auto row = options.padding_idx; row && (*row < -rows || *row >= rows)) {
    fail<IndexError>(kOp, fmt::format("padding_idx must be in [{}, {})", -rows, rows), fmt::format("{}", *row));
  }
}

void clear_row(const Parameter& table, int64_t row) {
  Tensor values = table.values();
  const int64_t cols = table.shape()[1];
  dispatch_floating(values.dtype(), kOp, [&]<class T>() {
    T* const to = values.mutable_data<T>();
    if (!table.is_csr()) {
      std::fill_n(to + row * cols, cols, T(0));
      return;
    }
    table.pattern()->for_each([&](const SlotPosition& at) {
      if (at.row == row) to[at.slot] = T(0);
    });
  });
}

}  // namespace

Embedding::Embedding(const EmbeddingOptions& options, Generator& rng) : options_(options) {
  check_matrix(kOp, "num_embeddings", options.num_embeddings, "embedding_dim", options.embedding_dim, options.sparsity,
               options.dtype);
  check_padding(options);
  Generator after = rng;
  const uint64_t key = after.next_key();
  weight_ = init::make_parameter(
      {.shape = {options.num_embeddings, options.embedding_dim}, .dtype = options.dtype, .sparsity = options.sparsity},
      derive_key(key, "pattern", 0));
  init::normal(weight_, derive_key(key, "weight", 0));
  if (const auto row = options.padding_idx) clear_row(weight_, *row < 0 ? *row + options.num_embeddings : *row);
  register_parameter("weight", weight_);
  rng = after;
}

Embedding::Embedding(const Parameter& weight, std::optional<int64_t> padding_idx) : weight_(weight) {
  if (!weight.defined() || weight.shape().rank() != 2) {
    fail<ShapeError>(kOp, "the weight must be [num_embeddings, embedding_dim]",
                     weight.defined() ? weight.shape().to_string() : "undefined");
  }
  options_ = {.num_embeddings = weight.shape()[0],
              .embedding_dim = weight.shape()[1],
              .padding_idx = padding_idx,
              .sparsity = sparsity_option(weight),
              .dtype = weight.dtype()};
  check_padding(options_);
  register_parameter("weight", weight_);
}

Tensor Embedding::forward(const Tensor& indices) {
  return embedding(indices, weight_, {.padding_idx = options_.padding_idx});
}

}  // namespace gossamer::nn
