// One list of operations for all tests that hold for each of them: a row here is gradient-checked, and run with several
// numbers of threads.
#pragma once

#include <cstdint>
#include <functional>
#include <ostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/tensor.h"
#include "tests/support/tensors.h"

namespace gossamer::samples {

using Inputs = std::span<const Tensor>;
using Operation = std::function<Tensor(Inputs)>;

struct OpSample {
  std::string op;
  std::string variant;  // what is special about it; "" for the plain case
  Operation fn;
  // f64, all differentiable: for central differences, so small and away from kinks. May be left out of a row with
  // large.
  std::vector<Tensor> inputs;
  // f32, more than one thread's work. Each operation has them in one row at least.
  std::vector<Tensor> large = {};

  std::string name() const { return variant.empty() ? op : op + "_" + variant; }
};

// Of float, for OpSample::large.
inline Tensor large(const Shape& shape, uint64_t key, double low = -1, double high = 1) {
  return uniform(shape, key, DType::f32, low, high);
}

inline void PrintTo(const OpSample& sample, std::ostream* os) { *os << sample.name(); }

// The list: one function for each family, in samples/<family>.cc.
std::vector<OpSample> attention();
std::vector<OpSample> classification();
std::vector<OpSample> convolutions();
std::vector<OpSample> elementwise();
std::vector<OpSample> functions();
std::vector<OpSample> indexing();
std::vector<OpSample> joins();
std::vector<OpSample> losses();
std::vector<OpSample> normalization();
std::vector<OpSample> pooling();
std::vector<OpSample> products();
std::vector<OpSample> reductions();
std::vector<OpSample> shapes();
std::vector<OpSample> sparse();

inline std::vector<OpSample> all() {
  constexpr std::vector<OpSample> (*kFamilies[])() = {
      attention,
      classification,
      convolutions,
      elementwise,
      functions,
      indexing,
      joins,
      losses,
      normalization,
      pooling,
      products,
      reductions,
      shapes,
      sparse,
  };
  std::vector<OpSample> list;
  for (const auto family : kFamilies) {
    for (OpSample& sample : family()) list.push_back(std::move(sample));
  }
  return list;
}

}  // namespace gossamer::samples
