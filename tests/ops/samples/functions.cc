// Mathematical functions, activations, selections.
#include <cmath>
#include <cstdint>
#include <vector>

#include "gossamer/ops.h"
#include "tests/ops/samples/sample.h"
#include "tests/support/tensors.h"

namespace gossamer::samples {

std::vector<OpSample> functions() {
  const Shape shape{2, 1, 5};
  const Tensor any = uniform(shape, 1, DType::f64, -3, 3);
  const Tensor wide = uniform(shape, 6, DType::f64, -6, 6);
  const Tensor positive = uniform(shape, 2, DType::f64, 0.3, 3);
  const Tensor exponents = uniform({3, 5}, 3, DType::f64, -2, 2);
  const auto extreme = [](Tensor (*f)(const Tensor&, const Tensor&)) {
    return [f](Inputs x) { return f(x[0], x[1]); };
  };
  const Tensor many = large({300, 201}, 1, -3, 3);
  const Tensor many_positive = large({300, 201}, 1, 0.1, 3);
  const Tensor row = large({201}, 2, 0.5, 2);
  const Tensor mask = Tensor::from<int64_t>({1, 0, 0, 1, 0}, {1, 5}).to(DType::boolean);
  return {
      {"exp", "", [](Inputs x) { return exp(x[0]); }, {any}, {many}},
      {"expm1", "", [](Inputs x) { return expm1(x[0]); }, {any}, {many}},
      {"log", "", [](Inputs x) { return log(x[0]); }, {positive}, {many_positive}},
      {"log1p", "", [](Inputs x) { return log1p(x[0]); }, {positive}, {many_positive}},
      {"sqrt", "", [](Inputs x) { return sqrt(x[0]); }, {positive}, {many_positive}},
      {"rsqrt", "", [](Inputs x) { return rsqrt(x[0]); }, {positive}, {many_positive}},
      {"abs", "", [](Inputs x) { return abs(x[0]); }, {any}, {many}},
      {"sin", "", [](Inputs x) { return sin(x[0]); }, {any}, {many}},
      {"cos", "", [](Inputs x) { return cos(x[0]); }, {any}, {many}},
      {"tanh", "", [](Inputs x) { return tanh(x[0]); }, {any}, {many}},
      {"sigmoid", "", [](Inputs x) { return sigmoid(x[0]); }, {any}, {many}},
      {"silu", "", [](Inputs x) { return silu(x[0]); }, {any}, {many}},
      {"gelu", "", [](Inputs x) { return gelu(x[0]); }, {any}, {many}},
      {"gelu", "tanh", [](Inputs x) { return gelu(x[0], {.approximate = GeluApproximation::Tanh}); }, {any}, {many}},
      {"leaky_relu", "", [](Inputs x) { return leaky_relu(x[0], {.negative_slope = 0.2}); }, {any}, {many}},
      {"gelu", "of_nothing", [](Inputs x) { return gelu(sin(x[0])); }, {uniform({0, 3}, 1)}},
      {"reciprocal", "", [](Inputs x) { return reciprocal(x[0]); }, {positive}, {many_positive}},
      {"erf", "", [](Inputs x) { return erf(x[0]); }, {any}, {many}},
      {"sign", "", [](Inputs x) { return sign(x[0]); }, {any}, {many}},
      {"floor", "", [](Inputs x) { return floor(x[0]); }, {any}, {many}},
      {"ceil", "", [](Inputs x) { return ceil(x[0]); }, {any}, {many}},
      {"round", "", [](Inputs x) { return round(x[0]); }, {any}, {many}},
      {"elu", "", [](Inputs x) { return elu(x[0], {.alpha = 1.5}); }, {any}, {many}},
      {"selu", "", [](Inputs x) { return selu(x[0]); }, {any}, {many}},
      {"hardsigmoid", "", [](Inputs x) { return hardsigmoid(x[0]); }, {wide}, {many}},
      {"hardswish", "", [](Inputs x) { return hardswish(x[0]); }, {wide}, {many}},
      {"softsign", "", [](Inputs x) { return softsign(x[0]); }, {any}, {many}},
      {"pow", "", [](Inputs x) { return pow(x[0], -1.5); }, {positive}},
      {"pow", "of_negative", [](Inputs x) { return pow(x[0], 3); }, {any}, {many}},
      {"pow", "tensor", [](Inputs x) { return pow(x[0], x[1]); }, {positive, exponents}, {row, many}},
      {"maximum", "", extreme(maximum), {any, uniform({3, 5}, 4, DType::f64, -3, 3)}, {many, row}},
      {"minimum", "", extreme(minimum), {any, uniform({3, 5}, 4, DType::f64, -3, 3)}, {many, row}},
      {"clamp", "", [](Inputs x) { return clamp(x[0], {.min = -1, .max = 0.5}); }, {any}, {many}},
      {"clamp", "below", [](Inputs x) { return clamp(x[0], {.max = 0.5}); }, {any}},
      {"where", "", [=](Inputs x) { return where(mask, x[0], x[1]); }, {any, uniform({3, 1}, 5)}},
      {"where", "scalars", [=](Inputs x) { return where(mask, x[0], x[1]); }, {uniform({}, 4), uniform({1, 1}, 5)}},
      {"where", "number", [=](Inputs x) { return where(mask, 2, x[0]); }, {any}},
      {"masked_fill", "", [=](Inputs x) { return masked_fill(x[0], mask, 3); }, {any}, {large({12000, 5}, 1)}},
      {"masked_fill",
       "empty",
       [=](Inputs x) { return masked_fill(x[0], slice(mask, 0, 0), 3); },
       {uniform({0, 1, 5}, 1)}},
      {"where",
       "compared",
       [](Inputs x) { return where(lt(x[0], x[1]), x[0], x[1]); },
       {any, uniform({3, 5}, 5)},
       {many, row}},
  };
}

std::vector<BadInput> bad_functions() {
  using enum Thrown;
  const double nan = std::nan("");
  return {
      {"pow", "shapes", Shape, [] { return pow(f32(2), f32(3)); }},
      {"maximum", "shapes", Shape, [] { return maximum(f32(2), f32(3)); }},
      {"maximum", "dtypes", DType, [] { return maximum(f32(2), f64(2)); }},
      {"floor", "integers", DType, [] { return floor(i64(2)); }},
      {"where", "number_and_mask", DType, [] { return where(f32(2), f32(2), 1); }},
      {"gt", "undefined", State, [] { return Tensor() > 1; }},
      {"maximum", "masks", DType, [] { return maximum(mask(2), mask(2)); }},
      {"minimum", "shapes", Shape, [] { return minimum(f32(2), f32(3)); }},
      {"clamp", "no_bound", Config, [] { return clamp(f32(1), {}); }},
      {"clamp", "nan", Config, [=] { return clamp(f32(1), {.min = nan}); }},
      {"where", "mask", DType, [] { return where(f32(2), f32(2), f32(2)); }},
      {"where", "shapes", Shape, [] { return where(mask(3), f32(2), f32(2)); }},
      {"where", "dtypes", DType, [] { return where(mask(2), f32(2), f64(2)); }},
      {"leaky_relu", "nan", Config, [=] { return leaky_relu(f32(1), {.negative_slope = nan}); }},
      {"eq", "dtypes", DType, [] { return eq(i64(2), f32(2)); }},
      {"lt", "shapes", Shape, [] { return lt(i64(2), i64(3)); }},
      {"logical_and", "numbers", DType, [] { return logical_and(mask(2), i64(2)); }},
      {"logical_or", "shapes", Shape, [] { return logical_or(mask(2), mask(3)); }},
      {"logical_not", "numbers", DType, [] { return logical_not(f32(2)); }},
      {"masked_fill", "mask", DType, [] { return masked_fill(f32(2), f32(2), 0); }},
      {"elu", "nan", Config, [=] { return elu(f32(1), {.alpha = nan}); }},
  };
}

}  // namespace gossamer::samples
