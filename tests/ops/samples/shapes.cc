// Shapes and parts.
#include <cmath>
#include <cstdint>
#include <vector>

#include "gossamer/ops.h"
#include "tests/ops/samples/sample.h"
#include "tests/support/tensors.h"

namespace gossamer::samples {

namespace {

// Both around the middle dimension, one side of the last.
Operation padded(PadOptions options) {
  options.value = 3;
  return [=](Inputs x) {
    return pad(x[0], {{.dim = -2, .before = options.mode == PadMode::Reflect ? 2 : 1}, {.dim = 2, .after = 1}},
               options);
  };
}

}  // namespace

std::vector<OpSample> shapes() {
  return {
      {"reshape",
       "",
       [](Inputs x) {
         return reshape(x[0], {3, -1});
       },
       {uniform({2, 6}, 1)},
       {large({300, 200}, 1)}},
      {"slice", "rows", [](Inputs x) { return slice(x[0], 1, -1); }, {uniform({4, 3}, 1)}},
      {"slice", "of_slice", [](Inputs x) { return slice(slice(x[0], 1, 5), 1, 3); }, {uniform({6, 2}, 1)}},
      {"slice",
       "dim",
       [](Inputs x) { return slice(x[0], {.dim = 1, .begin = 1, .end = 5, .step = 2}); },
       {uniform({2, 5, 3}, 1)},
       {large({200, 5, 60}, 1)}},
      {"slice",
       "last_dim",
       [](Inputs x) { return slice(x[0], {.dim = -1, .begin = -2, .end = 4}); },
       {uniform({3, 4}, 1)}},
      {"transpose", "", [](Inputs x) { return transpose(x[0], 0, 1); }, {uniform({3, 5}, 1)}, {large({300, 200}, 1)}},
      {"transpose", "around", [](Inputs x) { return transpose(x[0], -1, 0); }, {uniform({2, 3, 4}, 1)}},
      {"transpose", "inner", [](Inputs x) { return transpose(x[0], 1, 2); }, {uniform({2, 3, 2, 2}, 1)}},
      {"flatten",
       "",
       [](Inputs x) { return flatten(x[0], {.start_dim = 1}); },
       {uniform({2, 3, 2}, 1)},
       {large({300, 9, 7}, 1)}},
      {"flatten", "scalar", [](Inputs x) { return flatten(x[0]); }, {uniform({}, 1)}},
      {"squeeze", "", [](Inputs x) { return squeeze(x[0]); }, {uniform({1, 2, 1}, 1)}, {large({1, 30000, 1}, 1)}},
      {"squeeze", "dim", [](Inputs x) { return squeeze(x[0], -1); }, {uniform({1, 2, 1}, 1)}},
      {"unsqueeze", "", [](Inputs x) { return unsqueeze(x[0], -1); }, {uniform({2, 3}, 1)}, {large({300, 90}, 1)}},
      {"expand",
       "",
       [](Inputs x) {
         return expand(x[0], {4, -1, 3});
       },
       {uniform({2, 1}, 1)}},
      {"expand",
       "rows",
       [](Inputs x) {
         return expand(x[0], {300, -1});
       },
       {uniform({4}, 1)},
       {large({200}, 1)}},
      {"expand",
       "to_nothing",
       [](Inputs x) {
         return expand(x[0], {0, 3});
       },
       {uniform({1, 3}, 1)}},
      {"repeat",
       "",
       [](Inputs x) {
         return repeat(x[0], {2, 1, 3});
       },
       {uniform({2, 3}, 1)},
       {large({90, 110}, 1)}},
      {"repeat",
       "once",
       [](Inputs x) {
         return repeat(x[0], {1, 1});
       },
       {uniform({2, 0}, 1)}},
      {"flip",
       "",
       [](Inputs x) {
         return flip(x[0], {-1, 0});
       },
       {uniform({2, 3, 4}, 1)},
       {large({40, 30, 50}, 1)}},
      {"flip", "middle", [](Inputs x) { return flip(x[0], {1}); }, {uniform({2, 3, 4}, 1)}},
      {"flip", "empty", [](Inputs x) { return flip(x[0], {0}); }, {uniform({0, 1}, 1)}},
      {"roll", "", [](Inputs x) { return roll(x[0], 2, 1); }, {uniform({2, 3, 2}, 1)}, {large({2, 300, 90}, 1)}},
      {"roll", "back", [](Inputs x) { return roll(x[0], -7, -1); }, {uniform({2, 5}, 1)}},
      {"roll", "empty", [](Inputs x) { return roll(x[0], 1, 0); }, {uniform({0, 1}, 1)}},
      {"pad", "", padded({}), {uniform({2, 3, 2}, 1)}, {large({60, 20, 30}, 1)}},
      {"pad", "reflect", padded({.mode = PadMode::Reflect}), {uniform({2, 3, 3}, 1)}, {large({60, 20, 30}, 1)}},
      {"pad", "replicate", padded({.mode = PadMode::Replicate}), {uniform({2, 1, 2}, 1)}},
      {"pad", "circular", padded({.mode = PadMode::Circular}), {uniform({1, 2, 2}, 1)}},
      {"pad", "empty", padded({}), {uniform({0, 3, 2}, 1)}},
      {"tril", "", [](Inputs x) { return tril(x[0]); }, {uniform({2, 3, 4}, 1)}, {large({5, 90, 110}, 1)}},
      {"tril", "shifted", [](Inputs x) { return tril(x[0], {.diagonal = -1}); }, {uniform({4, 3}, 1)}},
      {"tril", "empty", [](Inputs x) { return tril(x[0]); }, {uniform({3, 0}, 1)}},
      {"triu", "", [](Inputs x) { return triu(x[0]); }, {uniform({4, 3}, 1)}, {large({5, 110, 90}, 1)}},
      {"triu", "shifted", [](Inputs x) { return triu(x[0], {.diagonal = 2}); }, {uniform({2, 1, 4}, 1)}},
  };
}

std::vector<BadInput> bad_shapes() {
  using enum Thrown;
  const double nan = std::nan("");
  return {
      {"reshape", "count", Shape, [] { return reshape(f32(2, 3), {4}); }},
      {"reshape", "two_unknown", Shape,
       [] {
         return reshape(f32(4), {-1, -1});
       }},
      {"slice", "bounds", Shape, [] { return slice(f32(2), 1, 4); }},
      {"slice", "scalar", Shape, [] { return slice(f32(), 0, 0); }},
      {"slice", "axis", Shape, [] { return slice(f32(2), {.dim = 1, .begin = 0, .end = 1}); }},
      {"slice", "step", Config, [] { return slice(f32(2), {.end = 1, .step = 0}); }},
      {"transpose", "axis", Shape, [] { return transpose(f32(2, 3), 0, 2); }},
      {"flatten", "order", Shape, [] { return flatten(f32(2, 3), {.start_dim = 1, .end_dim = 0}); }},
      {"squeeze", "axis", Shape, [] { return squeeze(f32(1), 1); }},
      {"unsqueeze", "axis", Shape, [] { return unsqueeze(f32(1), 2); }},
      {"expand", "shapes", Shape, [] { return expand(f32(2), {3}); }},
      {"expand", "new_unknown", Shape,
       [] {
         return expand(f32(2), {-1, 2});
       }},
      {"repeat", "too_few", Shape, [] { return repeat(f32(2, 2), {2}); }},
      {"repeat", "negative", Shape, [] { return repeat(f32(2), {-1}); }},
      {"flip", "axis", Shape, [] { return flip(f32(2), {1}); }},
      {"flip", "axis_twice", Shape,
       [] {
         return flip(f32(2), {0, -1});
       }},
      {"roll", "scalar", Shape, [] { return roll(f32(), 1, 0); }},
      {"pad", "negative", Shape, [] { return pad(f32(2), {{.before = -1}}); }},
      {"pad", "axis_twice", Shape,
       [] {
         return pad(f32(2), {{.before = 1}, {.dim = -1, .after = 1}});
       }},
      {"pad", "overflow", Shape, [] { return pad(f32(2), {{.before = INT64_MAX, .after = 1}}); }},
      {"pad", "reflect", Shape, [] { return pad(f32(2), {{.before = 2}}, {.mode = PadMode::Reflect}); }},
      {"pad", "replicate_empty", Shape, [] { return pad(f32(0), {{.before = 1}}, {.mode = PadMode::Replicate}); }},
      {"pad", "circular", Shape, [] { return pad(f32(2), {{.after = 3}}, {.mode = PadMode::Circular}); }},
      {"tril", "rank", Shape, [] { return tril(f32(2)); }},
      {"triu", "rank", Shape, [] { return triu(f32()); }},
      {"arange", "step", Config, [] { return arange({.end = 1, .step = 0}); }},
      {"arange", "nan", Config, [=] { return arange({.end = nan}); }},
      {"arange", "fraction", Config, [] { return arange({.start = 0.5, .end = 2, .dtype = gossamer::DType::i64}); }},
      {"arange", "mask", DType, [] { return arange({.end = 1, .dtype = gossamer::DType::boolean}); }},
      {"arange", "too_many", Shape, [] { return arange({.end = 1e300}); }},
  };
}

}  // namespace gossamer::samples
