// One list of operations for all tests that hold for each of them: a sample is gradient-checked, and run with several
// numbers of threads; a bad input is refused.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "gossamer/tensor.h"
#include "tests/support/bad_input.h"
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

// Tensors of ones, for bad inputs: f32(2, 3) is [2, 3].
template <class... Sizes>
Tensor ones_of(DType dtype, Sizes... sizes) {
  return Tensor::ones(Shape(std::vector<int64_t>{sizes...}), dtype);
}
template <class... Sizes>
Tensor f32(Sizes... sizes) {
  return ones_of(DType::f32, sizes...);
}
template <class... Sizes>
Tensor f64(Sizes... sizes) {
  return ones_of(DType::f64, sizes...);
}
template <class... Sizes>
Tensor i64(Sizes... sizes) {
  return ones_of(DType::i64, sizes...);
}
template <class... Sizes>
Tensor mask(Sizes... sizes) {
  return ones_of(DType::boolean, sizes...);
}

// The list: two functions for each family, in samples/<family>.cc.
std::vector<OpSample> attention();
std::vector<BadInput> bad_attention();
std::vector<OpSample> classification();
std::vector<BadInput> bad_classification();
std::vector<OpSample> convolutions();
std::vector<BadInput> bad_convolutions();
std::vector<OpSample> elementwise();
std::vector<BadInput> bad_elementwise();
std::vector<OpSample> functions();
std::vector<BadInput> bad_functions();
std::vector<OpSample> indexing();
std::vector<BadInput> bad_indexing();
std::vector<OpSample> joins();
std::vector<BadInput> bad_joins();
std::vector<OpSample> losses();
std::vector<BadInput> bad_losses();
std::vector<OpSample> normalization();
std::vector<BadInput> bad_normalization();
std::vector<OpSample> pooling();
std::vector<BadInput> bad_pooling();
std::vector<OpSample> products();
std::vector<BadInput> bad_products();
std::vector<OpSample> reductions();
std::vector<BadInput> bad_reductions();
std::vector<OpSample> shapes();
std::vector<BadInput> bad_shapes();
std::vector<OpSample> sparse();
std::vector<BadInput> bad_sparse();

struct Family {
  std::vector<OpSample> (*samples)();
  std::vector<BadInput> (*bad_inputs)();
};
inline constexpr Family kFamilies[] = {
    {attention, bad_attention},
    {classification, bad_classification},
    {convolutions, bad_convolutions},
    {elementwise, bad_elementwise},
    {functions, bad_functions},
    {indexing, bad_indexing},
    {joins, bad_joins},
    {losses, bad_losses},
    {normalization, bad_normalization},
    {pooling, bad_pooling},
    {products, bad_products},
    {reductions, bad_reductions},
    {shapes, bad_shapes},
    {sparse, bad_sparse},
};

inline std::vector<OpSample> all() {
  std::vector<OpSample> list;
  for (const Family& family : kFamilies) std::ranges::move(family.samples(), std::back_inserter(list));
  return list;
}

inline std::vector<BadInput> all_bad_inputs() {
  std::vector<BadInput> list;
  for (const Family& family : kFamilies) std::ranges::move(family.bad_inputs(), std::back_inserter(list));
  return list;
}

// The rows for central differences, and those with more than one thread's work.
inline std::vector<OpSample> all_small() {
  std::vector<OpSample> list = all();
  std::erase_if(list, [](const OpSample& sample) { return sample.inputs.empty(); });
  return list;
}
inline std::vector<OpSample> all_large() {
  std::vector<OpSample> list = all();
  std::erase_if(list, [](const OpSample& sample) { return sample.large.empty(); });
  return list;
}

inline std::string name_of_sample(const testing::TestParamInfo<OpSample>& info) { return info.param.name(); }

}  // namespace gossamer::samples
