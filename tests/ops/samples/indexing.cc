// Elements chosen by their numbers, and put in order.
#include <cstdint>
#include <vector>

#include "gossamer/ops.h"
#include "tests/ops/samples/sample.h"
#include "tests/support/tensors.h"

namespace gossamer::samples {

namespace {

// Numbers in [0, below) that repeat, in no order.
Tensor numbers(const Shape& shape, int64_t below, uint64_t key) {
  return uniform(shape, key, DType::f64, 0, static_cast<double>(below)).to(DType::i64);
}

// Elements at least 1/8 apart, so that a small step keeps their order.
Tensor distinct(const Shape& shape) {
  Tensor x = arange({.end = static_cast<double>(shape.numel()), .dtype = DType::f64});
  double* const values = x.mutable_data<double>();
  for (int64_t i = 0; i < x.numel(); ++i) values[i] = static_cast<double>(i * 7 % 30) / 8;
  return reshape(x, shape);
}

std::vector<OpSample> choices() {
  const Tensor rows = Tensor::from<int64_t>({2, 0, 2, 1, 2}, {5});
  const Tensor index = numbers({2, 4, 3}, 3, 5);
  const Tensor part = numbers({1, 4, 2}, 3, 6);
  const Tensor many = numbers({40000}, 70, 7);
  const Tensor large_index = numbers({30, 400, 5}, 20, 8);
  const auto chosen = [](int dim, const Tensor& i) { return [=](Inputs x) { return index_select(x[0], dim, i); }; };
  const auto gathered = [](int dim, const Tensor& i) { return [=](Inputs x) { return gather(x[0], dim, i); }; };
  const auto summed = [](int dim, const Tensor& i) {
    return [=](Inputs x) { return scatter_add(x[0], dim, i, x[1]); };
  };
  const auto written = [](int dim, const Tensor& i) { return [=](Inputs x) { return scatter(x[0], dim, i, x[1]); }; };
  const Tensor mask = numbers({3, 1}, 2, 9).to(DType::boolean);
  return {
      {"masked_select",
       "",
       [=](Inputs x) { return masked_select(x[0], mask); },
       {uniform({3, 4}, 1)},
       {large({3, 30000}, 1)}},
      {"index_select", "", chosen(0, rows), {uniform({3, 4}, 1)}, {}},
      {"index_select", "inner", chosen(-2, rows.to(DType::i32)), {uniform({2, 3, 2}, 1)}},
      {"index_select", "many_of_few", chosen(0, many), {}, {large({70, 3}, 1)}},
      {"index_select", "wide", chosen(1, numbers({50}, 7, 3)), {}, {large({4, 7, 900}, 1)}},
      {"index_select", "nothing", chosen(0, Tensor::zeros({0}, DType::i64)), {uniform({3, 1}, 1)}},
      {"gather", "", gathered(1, index), {uniform({2, 3, 3}, 1)}, {}},
      {"gather", "of_larger", gathered(1, part), {uniform({2, 3, 3}, 1)}},
      {"gather", "ones", gathered(0, Tensor::zeros({1, 1}, DType::i64)), {uniform({1, 1}, 1)}},
      {"gather", "of_empty", gathered(0, Tensor::zeros({2, 0}, DType::i64)), {uniform({3, 0}, 1)}},
      {"gather", "large", gathered(1, large_index), {}, {large({30, 20, 5}, 1)}},
      {"scatter_add", "", summed(1, index), {uniform({2, 3, 3}, 1), uniform({2, 4, 3}, 2)}, {}},
      {"scatter_add", "into_larger", summed(1, part), {uniform({2, 3, 3}, 1), uniform({1, 4, 2}, 2)}},
      {"scatter_add",
       "nothing",
       summed(0, Tensor::zeros({0, 2}, DType::i64)),
       {uniform({1, 2}, 1), uniform({0, 2}, 2)}},
      {"scatter_add", "large", summed(1, large_index), {}, {large({30, 20, 5}, 1), large({30, 400, 5}, 2)}},
      {"scatter_add", "line", summed(0, many), {}, {large({70}, 1), large({40000}, 2)}},
      {"scatter", "", written(1, index), {uniform({2, 3, 3}, 1), uniform({2, 4, 3}, 2)}, {}},
      {"scatter", "into_larger", written(1, part), {uniform({2, 3, 3}, 1), uniform({1, 4, 2}, 2)}},
      {"scatter", "large", written(1, large_index), {}, {large({30, 20, 5}, 1), large({30, 400, 5}, 2)}},
  };
}

std::vector<OpSample> orders() {
  const auto in_order = [](SortOptions options) { return [=](Inputs x) { return sort(x[0], options).values; }; };
  const auto best = [](int64_t k, TopkOptions options) {
    return [=](Inputs x) { return topk(x[0], k, options).values; };
  };
  return {
      {"sort", "", in_order({}), {distinct({3, 5})}, {large({40, 900}, 1)}},
      {"sort", "descending", in_order({.dim = 0, .descending = true}), {distinct({4, 2, 3})}, {large({300, 5, 20}, 1)}},
      {"sort", "ones", in_order({.dim = 1}), {uniform({3, 1}, 1)}},
      {"sort", "empty", in_order({.dim = 1}), {uniform({2, 0}, 1)}},
      {"topk", "", best(3, {}), {distinct({3, 7})}, {large({40, 900}, 1)}},
      {"topk", "smallest", best(2, {.dim = 1, .largest = false}), {distinct({2, 4, 3})}, {large({20, 300, 10}, 1)}},
      {"topk", "unsorted", best(2, {.dim = 0, .sorted = false}), {distinct({4, 3})}},
      {"topk", "nothing", best(0, {}), {uniform({2, 3}, 1)}},
  };
}

}  // namespace

std::vector<OpSample> indexing() {
  std::vector<OpSample> list = choices();
  for (OpSample& sample : orders()) list.push_back(std::move(sample));
  return list;
}

std::vector<BadInput> bad_indexing() {
  using enum Thrown;
  return {
      {"index_select", "index", Index, [] { return index_select(f32(1), 0, i64(1)); }},
      {"index_select", "rank", Shape, [] { return index_select(f32(2), 0, i64(1, 1)); }},
      {"index_select", "axis", Shape, [] { return index_select(f32(2), 1, i64(1)); }},
      {"index_select", "floating", DType, [] { return index_select(f32(2), 0, f32(1)); }},
      {"masked_select", "shapes", Shape, [] { return masked_select(f32(2), mask(3)); }},
      {"masked_select", "numbers", DType, [] { return masked_select(f32(2), i64(2)); }},
      {"gather", "index", Index, [] { return gather(f32(1), 0, i64(1)); }},
      {"gather", "rank", Shape, [] { return gather(f32(2, 2), 0, i64(1)); }},
      {"gather", "larger", Shape, [] { return gather(f32(2, 2), 0, i64(1, 3)); }},
      {"gather", "mask", DType, [] { return gather(f32(2), 0, mask(2)); }},
      {"scatter_add", "index", Index, [] { return scatter_add(f32(1), 0, i64(1), f32(1)); }},
      {"scatter_add", "source", Shape, [] { return scatter_add(f32(2), 0, i64(1), f32(2)); }},
      {"scatter_add", "dtypes", DType, [] { return scatter_add(f32(2), 0, i64(1), f64(1)); }},
      {"scatter_add", "integers", DType, [] { return scatter_add(i64(2), 0, i64(1), i64(1)); }},
      {"scatter", "index", Index, [] { return scatter(f32(1), 0, i64(1), f32(1)); }},
      {"scatter", "source", Shape, [] { return scatter(f32(2), 0, i64(1), f32()); }},
      {"scatter", "dtypes", DType, [] { return scatter(f32(2), 0, i64(1), i64(1)); }},
      {"one_hot", "index", Index, [] { return one_hot(i64(2), {.classes = 1}); }},
      {"one_hot", "classes", Config, [] { return one_hot(i64(2), {.classes = -1}); }},
      {"one_hot", "floating", DType, [] { return one_hot(f32(2), {.classes = 1}); }},
      {"sort", "scalar", Shape, [] { return sort(f32()).values; }},
      {"argsort", "axis", Shape, [] { return argsort(f32(2), {.dim = 1}); }},
      {"topk", "too_many", Shape, [] { return topk(f32(2), 3).values; }},
      {"topk", "negative", Shape, [] { return topk(f32(2), -1).values; }},
      {"topk", "axis", Shape, [] { return topk(f32(2), 1, {.dim = -2}).values; }},
  };
}

}  // namespace gossamer::samples
