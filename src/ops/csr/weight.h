// A CSR weight as operations see it: all that a product with it needs.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/tensor.h"

namespace gossamer {

class GradientTap;

// The connections of a pattern that take part in forward products, where they are fewer than those that are trained
// (Top-KAST): slot s of pattern() has the value of slot source()[s] of the whole pattern.
class ForwardSubset {
 public:
  // Throws ShapeError and ConfigError, naming `op`, unless there is a source for each slot, all below `whole`, the
  // number of connections of the whole pattern.
  ForwardSubset(std::string_view op, int64_t whole, std::shared_ptr<const CsrPattern> pattern,
                std::vector<int64_t> source);

  const std::shared_ptr<const CsrPattern>& pattern() const { return pattern_; }
  const std::vector<int64_t>& source() const { return source_; }
  int64_t whole() const { return whole_; }
  int64_t bytes() const;

 private:
  int64_t whole_;
  std::shared_ptr<const CsrPattern> pattern_;
  std::vector<int64_t> source_;
};

struct CsrWeight {
  std::shared_ptr<const CsrPattern> pattern;
  Tensor values;                                          // [nnz] in slot order: the leaf of the graph
  std::shared_ptr<const ForwardSubset> subset = nullptr;  // null: forward uses the whole pattern
  Execution execution = Execution::Auto;
  std::shared_ptr<GradientTap> tap = nullptr;  // collects what growth by gradient needs during backward

  // The pattern of the products with the weight, and its values.
  const std::shared_ptr<const CsrPattern>& used_pattern() const { return subset ? subset->pattern() : pattern; }
  Tensor used_values() const;

  // Throws StateError and ShapeError, naming `op`, unless values and subset belong to the pattern.
  void check(std::string_view op) const;
};

}  // namespace gossamer
