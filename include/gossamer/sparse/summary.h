// What sparsity a model has, saves and changes, parameter by parameter.
//
//   std::puts(sparse::SparsitySummary(model.parameters()).table().c_str());
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/parameter.h"
#include "gossamer/sparse/itop.h"

#pragma GCC visibility push(default)
namespace gossamer::sparse {

// One parameter, or all of them (then without a shape).
struct SummaryRow {
  std::string name;
  std::optional<Shape> shape = {};
  int64_t elements = 0;
  int64_t nnz = 0;
  int64_t dense_bytes = 0;  // of the elements
  int64_t csr_bytes = 0;    // in memory: values, indices and plans of the products so far; dense_bytes where dense
  // Of one forward pass over one sample: two for each element of a matrix, or of a kernel at one position; one for each
  // of a bias. A backward pass takes twice as many.
  int64_t dense_flops = 0;
  int64_t csr_flops = 0;
  ChangeCounts last_change = {};  // of the pattern; its `changes` are the sum in the total
  int64_t dead_rows = 0;          // without any connection; the matrix is as_matrix(shape)
  int64_t dead_cols = 0;
  std::optional<double> explored = {};  // connections that have ever been alive, where they were tracked

  double sparsity() const;       // share of elements that are zero
  double dropped_share() const;  // of the connections before the last change: those that it dropped
  double grown_share() const;    // of the connections after the last change: those that it grew
  // In-time over-parameterization: the share of elements that have ever been alive.
  std::optional<double> explored_share() const;
};

// The state of the parameters when it is constructed.
class SparsitySummary {
 public:
  // With `itop` the rows of the parameters that it tracks have `explored`, and the total where it tracks them all.
  explicit SparsitySummary(const std::vector<Parameter>& parameters, const InTimeOverParameterization* itop = nullptr);

  const std::vector<SummaryRow>& rows() const& { return rows_; }
  const SummaryRow& total() const& { return total_; }
  // Of a temporary they are given away, so that a loop may run over SparsitySummary(...).rows().
  std::vector<SummaryRow> rows() && { return std::move(rows_); }
  SummaryRow total() && { return std::move(total_); }

  // Lines for a terminal: a head, the rows, the total.
  std::string table() const;
  // {"parameters": [{"name", "shape", "elements", "nnz", "sparsity", "dense_bytes", "csr_bytes", "dense_flops",
  // "csr_flops", "dropped_share", "grown_share", "dead_rows", "dead_cols", "explored_share"}], "total": {...}}: the
  // total has neither name nor shape, and explored_share is there where it is known.
  std::string json() const;

 private:
  std::vector<SummaryRow> rows_;
  SummaryRow total_;
};

}  // namespace gossamer::sparse
#pragma GCC visibility pop
