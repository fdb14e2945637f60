// Convolutions.
#include <memory>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/ops.h"
#include "ops/csr/conv.h"
#include "tests/ops/samples/sample.h"
#include "tests/support/tensors.h"

namespace gossamer::samples {

namespace {

std::shared_ptr<const CsrPattern> pattern_of(const Shape& shape, double density) {
  const MatrixSize size = as_matrix(shape);
  return CsrPattern::from_mask(random_mask({size.rows, size.cols}, 11, density));
}

}  // namespace

std::vector<OpSample> convolutions() {
  const auto plane = [](const Conv2dOptions& options) {
    return [options](Inputs x) { return conv2d(x[0], x[1], x.size() > 2 ? x[2] : Tensor(), options); };
  };
  const auto line = [](const Conv1dOptions& options) {
    return [options](Inputs x) { return conv1d(x[0], x[1], x.size() > 2 ? x[2] : Tensor(), options); };
  };
  // Of a weight with the given share of connections, by the kernels for nonzeros.
  const auto sparse_plane = [](const Shape& shape, double density, const Conv2dOptions& options) {
    const auto pattern = pattern_of(shape, density);
    return [=](Inputs x) {
      return csr_conv2d(x[0], {.pattern = pattern, .values = x[1], .execution = Execution::Csr}, shape,
                        x.size() > 2 ? x[2] : Tensor(), options);
    };
  };
  const auto values = [](const Shape& shape, double density, DType dtype = DType::f64) {
    return uniform({pattern_of(shape, density)->nnz()}, 2, dtype);
  };
  const Shape a{5, 3, 3, 2}, b{4, 2, 1, 1}, c{40, 20, 3, 3}, d{70, 40, 1, 1};
  return {
      {"conv2d",
       "csr",
       sparse_plane(a, 0.4, {.padding = 1}),
       {uniform({2, 3, 5, 4}, 1), values(a, 0.4), uniform({5}, 3)}},
      {"conv2d",
       "csr_large",
       sparse_plane(c, 0.1, {.padding = 1}),
       {},
       {large({40, 20, 9, 10}, 1), values(c, 0.1, DType::f32), large({40}, 3)}},
      {"conv2d",
       "csr_of_few_large_images",
       sparse_plane(c, 0.2, {.stride = {1, 2}, .padding = 1}),
       {},
       {large({2, 20, 65, 70}, 1), values(c, 0.2, DType::f32)}},
      {"conv2d",
       "csr_strided_and_dilated",
       sparse_plane(a, 0.6, {.stride = {2, 1}, .padding = {2, 1}, .dilation = {1, 2}}),
       {uniform({2, 3, 6, 5}, 1), values(a, 0.6)}},
      {"conv2d",
       "csr_of_points",
       sparse_plane(b, 0.5, {}),
       {uniform({2, 2, 3, 5}, 1), values(b, 0.5), uniform({4}, 3)}},
      {"conv2d",
       "csr_of_many_points",
       sparse_plane(d, 0.1, {}),
       {},
       {large({7, 40, 14, 14}, 1), values(d, 0.1, DType::f32), large({70}, 3)}},
      {"conv2d", "csr_of_no_images", sparse_plane(a, 0.4, {}), {uniform({0, 3, 3, 3}, 1), values(a, 0.4)}},
      {"conv2d",
       "csr_of_one_image",
       sparse_plane(a, 0.1, {}),
       {uniform({3, 3, 2}, 1), values(a, 0.1), uniform({5}, 3)}},
      {"conv2d",
       "",
       plane({.padding = 1}),
       {uniform({2, 3, 5, 4}, 1), uniform({4, 3, 3, 3}, 2), uniform({4}, 3)},
       {large({5, 20, 15, 17}, 1), large({33, 20, 3, 3}, 2), large({33}, 3)}},
      {"conv2d", "of_one_image", plane({}), {uniform({2, 4, 5}, 1), uniform({9, 2, 2, 3}, 2), uniform({9}, 3)}},
      {"conv2d",
       "strided",
       plane({.stride = {2, 3}, .padding = {1, 2}}),
       {uniform({2, 2, 6, 7}, 1), uniform({3, 2, 3, 3}, 2)},
       {large({40, 9, 14, 13}, 1), large({17, 9, 3, 3}, 2)}},
      {"conv2d",
       "dilated",
       plane({.stride = {1, 2}, .padding = {3, 1}, .dilation = {2, 3}}),
       {uniform({1, 2, 6, 8}, 1), uniform({2, 2, 3, 2}, 2), uniform({2}, 3)},
       {large({2, 30, 28, 30}, 1), large({8, 30, 3, 2}, 2), large({8}, 3)}},
      {"conv2d",
       "in_groups",
       plane({.stride = 2, .padding = 1, .groups = 2}),
       {uniform({2, 4, 5, 5}, 1), uniform({6, 2, 3, 3}, 2), uniform({6}, 3)},
       {large({8, 24, 16, 16}, 1), large({36, 12, 3, 3}, 2), large({36}, 3)}},
      {"conv2d",
       "depthwise",
       plane({.stride = {1, 2}, .padding = {1, 2}, .groups = 3}),
       {uniform({2, 3, 4, 5}, 1), uniform({3, 1, 3, 4}, 2), uniform({3}, 3)}},
      {"conv2d",
       "depthwise_large",
       plane({.stride = {1, 2}, .padding = {1, 2}, .groups = 40}),
       {},
       {large({6, 40, 19, 21}, 1), large({40, 1, 3, 4}, 2), large({40}, 3)}},
      {"conv2d",
       "of_points",
       plane({}),
       {uniform({2, 3, 2, 3}, 1), uniform({2, 3, 1, 1}, 2), uniform({2}, 3)},
       {large({7, 40, 14, 14}, 1), large({70, 40, 1, 1}, 2), large({70}, 3)}},
      {"conv2d", "of_every_other_point", plane({.stride = 2}), {uniform({1, 2, 5, 4}, 1), uniform({2, 2, 1, 1}, 2)}},
      {"conv2d", "of_padded_points", plane({.padding = 2}), {uniform({1, 1, 2, 3}, 1), uniform({1, 1, 1, 1}, 2)}},
      {"conv2d", "without_rest", plane({.stride = 3}), {uniform({1, 2, 6, 9}, 1), uniform({1, 2, 2, 2}, 2)}},
      {"conv2d", "of_size_one", plane({}), {uniform({1, 1, 1, 1}, 1), uniform({1, 1, 1, 1}, 2), uniform({1}, 3)}},
      {"conv2d", "of_no_images", plane({}), {uniform({0, 2, 3, 3}, 1), uniform({2, 2, 2, 2}, 2), uniform({2}, 3)}},
      {"conv2d", "of_no_channels", plane({}), {uniform({2, 0, 3, 3}, 1), uniform({2, 0, 2, 2}, 2), uniform({2}, 3)}},
      {"conv2d", "to_no_channels", plane({}), {uniform({2, 1, 3, 3}, 1), uniform({0, 1, 2, 2}, 2), uniform({0}, 3)}},
      {"conv2d",
       "wide",
       plane({.padding = {0, 1}}),
       {uniform({1, 1, 2, 70}, 1), uniform({1, 1, 2, 3}, 2)},
       {large({1, 3, 40, 300}, 1), large({20, 3, 3, 3}, 2)}},
      {"conv1d",
       "",
       line({.stride = 2, .padding = 1}),
       {uniform({2, 2, 7}, 1), uniform({3, 2, 3}, 2), uniform({3}, 3)},
       {large({6, 20, 200}, 1), large({30, 20, 5}, 2), large({30}, 3)}},
      {"conv1d",
       "of_one_line",
       line({.padding = 2, .dilation = 3, .groups = 2}),
       {uniform({2, 9}, 1), uniform({4, 1, 3}, 2)}},
      {"conv1d", "of_size_one", line({}), {uniform({1, 1, 1}, 1), uniform({1, 1, 1}, 2), uniform({1}, 3)}},
      {"conv1d", "of_no_lines", line({}), {uniform({0, 2, 3}, 1), uniform({2, 2, 2}, 2), uniform({2}, 3)}},
  };
}

std::vector<BadInput> bad_convolutions() {
  using enum Thrown;
  return {
      {"conv2d", "rank", Shape, [] { return conv2d(f32(5, 5), f32(2, 2, 3, 3)); }},
      {"conv2d", "channels", Shape, [] { return conv2d(f32(1, 3, 5, 5), f32(2, 2, 3, 3)); }},
      {"conv2d", "weight", Shape, [] { return conv2d(f32(1, 2, 5, 5), f32(2, 2, 3)); }},
      {"conv2d", "bias", Shape, [] { return conv2d(f32(1, 2, 5, 5), f32(2, 2, 3, 3), f32(3)); }},
      {"conv2d", "window", Shape,
       [] {
         return conv2d(f32(1, 2, 5, 5), f32(2, 2, 3, 3), {}, {.padding = {0, 1}, .dilation = 3});
       }},
      {"conv2d", "empty_window", Shape, [] { return conv2d(f32(1, 2, 5, 5), f32(2, 2, 0, 3)); }},
      {"conv2d", "empty_image", Shape, [] { return conv2d(f32(1, 2, 0, 5), f32(2, 2, 1, 1)); }},
      {"conv2d", "dtypes", DType, [] { return conv2d(f64(1, 2, 5, 5), f32(2, 2, 3, 3)); }},
      {"conv2d", "bias_dtype", DType, [] { return conv2d(f32(1, 2, 5, 5), f32(2, 2, 3, 3), f64(2)); }},
      {"conv2d", "integers", DType, [] { return conv2d(i64(1, 2, 5, 5), i64(2, 2, 3, 3)); }},
      {"conv2d", "stride", Config,
       [] {
         return conv2d(f32(1, 2, 5, 5), f32(2, 2, 3, 3), {}, {.stride = {1, 0}});
       }},
      {"conv2d", "padding", Config, [] { return conv2d(f32(1, 2, 5, 5), f32(2, 2, 3, 3), {}, {.padding = -1}); }},
      {"conv2d", "dilation", Config,
       [] { return conv2d(f32(1, 2, 5, 5), f32(2, 2, 3, 3), {}, {.dilation = int64_t{1} << 40}); }},
      {"conv2d", "groups", Config, [] { return conv2d(f32(1, 4, 5, 5), f32(3, 2, 3, 3), {}, {.groups = 2}); }},
      {"conv1d", "rank", Shape, [] { return conv1d(f32(5), f32(2, 2, 3)); }},
      {"conv1d", "weight", Shape, [] { return conv1d(f32(1, 2, 5), f32(2, 2, 3, 3)); }},
  };
}

}  // namespace gossamer::samples
