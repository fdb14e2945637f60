// Embedding: a table of vectors, dense or CSR, looked up by number.
#pragma once

#include <cstdint>
#include <optional>

#include "gossamer/nn/cloneable.h"
#include "gossamer/random.h"

#pragma GCC visibility push(default)
namespace gossamer::nn {

struct EmbeddingOptions {
  int64_t num_embeddings = 0;  // rows of the table, at least 1
  int64_t embedding_dim = 0;   // size of a vector, at least 1
  // A row of zeros that takes no gradient; negative counts from the last.
  std::optional<int64_t> padding_idx = std::nullopt;
  double sparsity = 0;  // in [0, 1); above 0 the table is created in CSR, and no dense form of it ever exists
  DType dtype = DType::f32;
};

// indices [...] i64 -> [..., embedding_dim]. Parameter: weight [num_embeddings, embedding_dim]. The rows of a CSR table
// are read directly. To tie input and output, give weight() to a Linear.
class Embedding final : public Cloneable<Embedding> {
 public:
  // The table is standard normal (the default of torch.nn.Embedding). One key is taken from rng whatever the options,
  // and elements are functions of (key, index): a table created with sparsity s is the dense one of the same rng,
  // masked. Throws ConfigError for sizes or a sparsity out of range, IndexError for a padding_idx outside the table,
  // DTypeError unless f32 or f64.
  Embedding(const EmbeddingOptions& options, Generator& rng);
  // A layer on a given table [rows, dim] (ShapeError), such as the weight of another layer. The row `padding_idx` stays
  // as it is.
  explicit Embedding(const Parameter& weight, std::optional<int64_t> padding_idx = std::nullopt);

  // What the layer was made with, or what makes one like it.
  const EmbeddingOptions& options() const { return options_; }
  // Throws DTypeError unless the indices are i64, IndexError for one outside the table.
  Tensor forward(const Tensor& indices) override;

  const Parameter& weight() const { return weight_; }

 private:
  EmbeddingOptions options_;
  Parameter weight_;
};

}  // namespace gossamer::nn
#pragma GCC visibility pop
