// Pooling.
#include <vector>

#include "gossamer/ops.h"
#include "tests/ops/samples/sample.h"
#include "tests/support/tensors.h"

namespace gossamer::samples {

namespace {

Operation max_of(const MaxPool2dOptions& options) {
  return [options](Inputs x) { return max_pool2d(x[0], options); };
}
Operation mean_of(const AvgPool2dOptions& options) {
  return [options](Inputs x) { return avg_pool2d(x[0], options); };
}
Operation adaptive_mean(const Size2d& size) {
  return [size](Inputs x) { return adaptive_avg_pool2d(x[0], size); };
}
Operation adaptive_max(const Size2d& size) {
  return [size](Inputs x) { return adaptive_max_pool2d(x[0], size); };
}

}  // namespace

std::vector<OpSample> pooling() {
  const std::vector<Tensor> images{uniform({2, 2, 5, 6}, 1)};
  const std::vector<Tensor> many{large({5, 4, 60, 70}, 1)};
  const std::vector<Tensor> one{uniform({1, 1, 1, 1}, 1)};
  const std::vector<Tensor> none{uniform({0, 2, 4, 4}, 1)};
  return {
      {"max_pool2d", "", max_of({.kernel = 2}), images, many},
      {"max_pool2d", "overlapping", max_of({.kernel = 3, .stride = 1, .padding = 1}), images, many},
      {"max_pool2d", "dilated", max_of({.kernel = {3, 2}, .stride = {2, 1}, .padding = {0, 1}, .dilation = {1, 2}}),
       images},
      {"max_pool2d", "ceil", max_of({.kernel = 2, .ceil_mode = true}), {uniform({2, 5, 3}, 1)}},
      {"max_pool2d",
       "padded_at_the_end",
       max_of({.kernel = 2, .stride = 1, .padding_end = 1}),
       {uniform({1, 4, 3}, 1)}},
      {"max_pool2d", "of_one", max_of({.kernel = 3, .padding = 1}), one},
      {"max_pool2d", "of_nothing", max_of({.kernel = 2}), none},
      {"avg_pool2d", "", mean_of({.kernel = 2}), images, many},
      {"avg_pool2d", "overlapping", mean_of({.kernel = 3, .stride = 1, .padding = 1}), images, many},
      {"avg_pool2d", "without_padding",
       mean_of({.kernel = {3, 2}, .stride = 2, .padding = 1, .count_include_pad = false}), images},
      {"avg_pool2d",
       "divided",
       mean_of({.kernel = 2, .ceil_mode = true, .divisor_override = 3}),
       {uniform({2, 5, 3}, 1)}},
      {"avg_pool2d", "of_one", mean_of({.kernel = 3, .padding = 1}), one},
      {"avg_pool2d", "of_nothing", mean_of({.kernel = 2}), none},
      {"adaptive_avg_pool2d", "", adaptive_mean({2, 4}), images, many},
      {"adaptive_avg_pool2d", "global", adaptive_mean(1), images, many},
      {"adaptive_avg_pool2d", "larger", adaptive_mean({7, 3}), {uniform({2, 3, 5}, 1)}},
      {"adaptive_avg_pool2d", "of_nothing", adaptive_mean(1), none},
      {"adaptive_max_pool2d", "", adaptive_max({2, 4}), images, many},
      {"adaptive_max_pool2d", "global", adaptive_max(1), {uniform({2, 3, 5}, 1)}, many},
      {"adaptive_max_pool2d", "of_nothing", adaptive_max(1), none},
  };
}

std::vector<BadInput> bad_pooling() {
  using enum Thrown;
  return {
      {"max_pool2d", "rank", Shape, [] { return max_pool2d(f32(4, 4), {.kernel = 2}); }},
      {"max_pool2d", "empty", Shape, [] { return max_pool2d(f32(1, 1, 0, 4), {.kernel = 2}); }},
      {"max_pool2d", "window", Shape,
       [] {
         return max_pool2d(f32(1, 2, 3), {.kernel = {1, 2}, .dilation = 3});
       }},
      {"max_pool2d", "integers", DType, [] { return max_pool2d(i64(1, 4, 4), {.kernel = 2}); }},
      {"max_pool2d", "kernel", Config, [] { return max_pool2d(f32(1, 4, 4), {}); }},
      {"max_pool2d", "stride", Config,
       [] {
         return max_pool2d(f32(1, 4, 4), {.kernel = 2, .stride = {-1, 1}});
       }},
      {"max_pool2d", "padding", Config,
       [] {
         return max_pool2d(f32(1, 4, 4), {.kernel = 2, .padding = {0, 2}});
       }},
      {"max_pool2d", "padding_end", Config, [] { return max_pool2d(f32(1, 4, 4), {.kernel = 2, .padding_end = 2}); }},
      {"max_pool2d", "dilation", Config, [] { return max_pool2d(f32(1, 4, 4), {.kernel = 2, .dilation = 0}); }},
      {"max_pool2d_with_indices", "rank", Shape, [] { return max_pool2d_with_indices(f32(4), {.kernel = 2}).second; }},
      {"avg_pool2d", "rank", Shape, [] { return avg_pool2d(f32(4, 4), {.kernel = 2}); }},
      {"avg_pool2d", "window", Shape, [] { return avg_pool2d(f32(1, 2, 3), {.kernel = 3}); }},
      {"avg_pool2d", "integers", DType, [] { return avg_pool2d(i64(1, 4, 4), {.kernel = 2}); }},
      {"avg_pool2d", "padding", Config, [] { return avg_pool2d(f32(1, 4, 4), {.kernel = 2, .padding = -1}); }},
      {"avg_pool2d", "divisor", Config, [] { return avg_pool2d(f32(1, 4, 4), {.kernel = 2, .divisor_override = 0}); }},
      {"adaptive_avg_pool2d", "rank", Shape, [] { return adaptive_avg_pool2d(f32(1, 1, 1, 1, 1), 1); }},
      {"adaptive_avg_pool2d", "size", Config,
       [] {
         return adaptive_avg_pool2d(f32(1, 4, 4), {1, 0});
       }},
      {"adaptive_max_pool2d", "empty", Shape, [] { return adaptive_max_pool2d(f32(1, 0, 4), 1); }},
      {"adaptive_max_pool2d", "size", Config, [] { return adaptive_max_pool2d(f32(1, 4, 4), -1); }},
  };
}

}  // namespace gossamer::samples
