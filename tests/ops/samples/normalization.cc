// Normalizations by statistics.
#include <cmath>
#include <cstdint>
#include <vector>

#include "gossamer/ops.h"
#include "tests/ops/samples/sample.h"
#include "tests/support/tensors.h"

namespace gossamer::samples {

namespace {

// x, weight and bias of the given shapes.
std::vector<Tensor> affine(const Shape& x, const Shape& weight) {
  return {uniform(x, 1), uniform(weight, 2), uniform(weight, 3)};
}
std::vector<Tensor> large_affine(const Shape& x, const Shape& weight) {
  return {large(x, 1), large(weight, 2), large(weight, 3)};
}

// By the statistics of the batch.
Tensor train(Inputs x) { return batch_norm(x[0], x[1], x[2], {.training = true}); }

Tensor evaluate(Inputs x) {
  const int64_t channels = x[0].dim(1);
  const DType dtype = x[0].dtype();
  return batch_norm(
      x[0], x[1], x[2],
      {.running_mean = uniform({channels}, 4, dtype), .running_var = uniform({channels}, 5, dtype, 0.5, 2)});
}

// Over the dimensions of the weight.
Tensor layers(Inputs x) { return layer_norm(x[0], x[1].shape(), x[1], x[2]); }
Tensor root_mean_square(Inputs x) { return rms_norm(x[0], x[1].shape(), x[1]); }

Operation groups(int64_t n) {
  return [n](Inputs x) { return group_norm(x[0], n, x[1], x[2]); };
}

}  // namespace

std::vector<OpSample> normalization() {
  return {
      {"layer_norm", "", layers, affine({4, 6}, {6}), large_affine({700, 96}, {96})},
      {"layer_norm", "wide", layers, affine({2, 1, 19}, {19}), large_affine({9, 20001}, {20001})},
      {"layer_norm", "two_dims",
       [](Inputs x) {
         return layer_norm(x[0], {3, 2}, x[1], x[2], {.eps = 0.1});
       },
       affine({2, 3, 2}, {3, 2})},
      {"layer_norm", "plain", [](Inputs x) { return layer_norm(x[0], {5}); }, {uniform({3, 5}, 1)}},
      {"layer_norm",
       "of_one_line",
       [](Inputs x) { return layer_norm(x[0], {5}, {}, x[1]); },
       {uniform({5}, 1), uniform({5}, 2)}},
      {"layer_norm", "of_ones", layers, affine({2, 1}, {1})},
      {"layer_norm", "of_nothing", layers, affine({0, 3}, {3})},
      {"layer_norm", "of_no_elements", layers, affine({3, 0}, {0})},
      {"rms_norm", "", root_mean_square, {uniform({4, 6}, 1), uniform({6}, 2)}, {large({700, 96}, 1), large({96}, 2)}},
      {"rms_norm",
       "plain",
       [](Inputs x) {
         return rms_norm(x[0], {2, 3}, {}, {.eps = 0.1});
       },
       {uniform({2, 2, 3}, 1)}},
      {"rms_norm", "of_ones", root_mean_square, {uniform({1, 1}, 1), uniform({1}, 2)}},
      {"rms_norm", "of_nothing", root_mean_square, {uniform({0, 3}, 1), uniform({3}, 2)}},
      {"batch_norm", "", train, affine({3, 2, 2, 3}, {2}), large_affine({20, 7, 30, 31}, {7})},
      {"batch_norm", "planes", train, affine({2, 2, 17}, {2}), large_affine({3, 2, 40000}, {2})},
      {"batch_norm", "columns", train, affine({5, 3}, {3}), large_affine({900, 70}, {70})},
      {"batch_norm",
       "plain",
       [](Inputs x) { return batch_norm(x[0], {}, {}, {.training = true}); },
       {uniform({4, 3, 2}, 1)}},
      {"batch_norm", "evaluation", evaluate, affine({3, 2, 2}, {2}), large_affine({40, 70, 3}, {70})},
      {"batch_norm", "evaluation_planes", evaluate, affine({2, 2, 17}, {2}), large_affine({20, 7, 30, 31}, {7})},
      {"batch_norm", "of_one_channel", train, affine({1, 1, 3}, {1})},
      {"batch_norm", "of_nothing", train, affine({0, 3, 2}, {3})},
      {"batch_norm", "evaluation_of_nothing", evaluate, affine({3, 2, 0}, {2})},
      {"group_norm", "", groups(2), affine({2, 4, 3}, {4}), large_affine({15, 12, 200}, {12})},
      {"group_norm", "of_each_channel", groups(3), affine({2, 3, 2, 2}, {3}), large_affine({2, 3, 200, 200}, {3})},
      {"group_norm", "of_all_channels", groups(1), affine({2, 3, 2}, {3})},
      {"group_norm", "without_positions", groups(2), affine({3, 4}, {4}), large_affine({300, 96}, {96})},
      {"group_norm",
       "plain",
       [](Inputs x) { return group_norm(x[0], 2, {}, {}, {.eps = 0.1}); },
       {uniform({2, 4, 3}, 1)}},
      {"group_norm", "of_ones", groups(1), affine({1, 1, 1}, {1})},
      {"group_norm", "of_nothing", groups(2), affine({0, 4, 3}, {4})},
  };
}

std::vector<BadInput> bad_normalization() {
  using enum Thrown;
  const double nan = std::nan("");
  return {
      {"softmax", "scalar", Shape, [] { return softmax(f32()); }},
      {"softmax", "axis", Shape, [] { return softmax(f32(2), 1); }},
      {"softmax", "integers", DType, [] { return softmax(i64(2)); }},
      {"log_softmax", "axis", Shape, [] { return log_softmax(f32(2), -2); }},
      {"layer_norm", "shape", Shape, [] { return layer_norm(f32(2, 3), {2}); }},
      {"layer_norm", "too_many", Shape,
       [] {
         return layer_norm(f32(3), {1, 3});
       }},
      {"layer_norm", "no_dims", Shape, [] { return layer_norm(f32(3), {}); }},
      {"layer_norm", "weight", Shape, [] { return layer_norm(f32(2, 3), {3}, f32(2)); }},
      {"layer_norm", "bias_dtype", DType, [] { return layer_norm(f32(2, 3), {3}, {}, f64(3)); }},
      {"layer_norm", "integers", DType, [] { return layer_norm(i64(2, 3), {3}); }},
      {"layer_norm", "eps", Config, [] { return layer_norm(f32(2, 3), {3}, {}, {}, {.eps = -1}); }},
      {"rms_norm", "shape", Shape, [] { return rms_norm(f32(2, 3), {4}); }},
      {"rms_norm", "weight", Shape, [] { return rms_norm(f32(2, 3), {3}, f32(1, 3)); }},
      {"rms_norm", "eps", Config, [=] { return rms_norm(f32(2, 3), {3}, {}, {.eps = nan}); }},
      {"batch_norm", "rank", Shape, [] { return batch_norm(f32(3), {}, {}, {.training = true}); }},
      {"batch_norm", "one_element", Shape, [] { return batch_norm(f32(1, 3), {}, {}, {.training = true}); }},
      {"batch_norm", "bias", Shape, [] { return batch_norm(f32(4, 3), {}, f32(4), {.training = true}); }},
      {"batch_norm", "no_statistics", State, [] { return batch_norm(f32(4, 3), {}, {}, {}); }},
      {"batch_norm", "one_statistic", State, [] { return batch_norm(f32(4, 3), {}, {}, {.running_var = f32(3)}); }},
      {"batch_norm", "statistics", Shape,
       [] { return batch_norm(f32(4, 3), {}, {}, {.running_mean = f32(4), .running_var = f32(3)}); }},
      {"batch_norm", "statistics_dtype", DType,
       [] { return batch_norm(f64(4, 3), {}, {}, {.running_mean = f32(3), .running_var = f32(3)}); }},
      {"batch_norm", "momentum", Config,
       [] { return batch_norm(f32(4, 3), {}, {}, {.training = true, .momentum = 2}); }},
      {"batch_norm", "eps", Config, [] { return batch_norm(f32(4, 3), {}, {}, {.training = true, .eps = -1}); }},
      {"group_norm", "rank", Shape, [] { return group_norm(f32(4), 2); }},
      {"group_norm", "groups", Config, [] { return group_norm(f32(2, 4), 3); }},
      {"group_norm", "no_groups", Config, [] { return group_norm(f32(2, 4), 0); }},
      {"group_norm", "weight", Shape, [] { return group_norm(f32(2, 4), 2, f32(2)); }},
      {"group_norm", "eps", Config, [=] { return group_norm(f32(2, 4), 2, {}, {}, {.eps = nan}); }},
  };
}

}  // namespace gossamer::samples
