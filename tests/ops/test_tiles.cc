// Operations on tile-major operands: the same bits as on row-major ones, and tiles where the operation can keep them.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/csr_pattern.h"
#include "gossamer/error.h"
#include "gossamer/ops.h"
#include "gossamer/runtime.h"
#include "ops/column_sums.h"
#include "ops/csr/linear.h"
#include "tensor/tiles.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/tensors.h"

namespace gossamer::test_tiles {
namespace {

using golden::expect_close;
using golden::expect_equal;
using PatternPtr = std::shared_ptr<const CsrPattern>;

void expect_same_bits(const Tensor& actual, const Tensor& expected) {
  ASSERT_EQ(actual.shape(), expected.shape());
  for (int64_t i = 0; i < actual.numel(); ++i) {
    const float a = actual.data<float>()[i];
    const float e = expected.data<float>()[i];
    if (std::isnan(a) && std::isnan(e)) continue;
    ASSERT_EQ(std::bit_cast<uint32_t>(a), std::bit_cast<uint32_t>(e)) << "element " << i << ": " << a << ", " << e;
  }
}

void expect_zeros_past_the_batch(const Tensor& x) {
  const ConstBatch<float> tiles = TensorTiles::get(x);
  for (int64_t row = tiles.n; row < tiles.tiles(tiles.width) * tiles.width; ++row) {
    for (int64_t f = 0; f < tiles.features; ++f) {
      ASSERT_EQ(tiles.data[(row / tiles.width * tiles.features + f) * tiles.width + row % tiles.width], 0.0F) << row;
    }
  }
}

// Uniform, with the values that comparisons and products treat apart.
Tensor awkward(const Shape& shape, uint64_t key) {
  Tensor x = uniform(shape, key, DType::f32);
  float* const data = x.mutable_data<float>();
  const float inf = std::numeric_limits<float>::infinity();
  const float special[] = {std::nanf(""), inf, -inf, 0.0F, -0.0F};
  for (int64_t i = static_cast<int64_t>(key); i < x.numel(); i += 37) data[i] = special[i % 5];
  return x;
}

using In = const Tensor&;

struct Case {
  const char* name;
  std::function<Tensor(In, In)> f;
};

// The result of f and the gradients of both operands, in the layout that `prepare` gives to operands and gradient.
std::vector<Tensor> run(const Case& c, const Tensor& a, const Tensor& b, const Tensor& grad,
                        const std::function<Tensor(const Tensor&)>& prepare) {
  const Tensor x = prepare(a).set_requires_grad();
  const Tensor y = prepare(b).set_requires_grad();
  const Tensor out = c.f(x, y);
  out.backward(prepare(grad));
  std::vector<Tensor> all{out.detach(), x.grad()};
  if (y.grad().defined()) all.push_back(y.grad());
  return all;
}

TEST(Tiles, GiveEveryElementwiseOperationTheBitsOfRows) {
  const std::vector<Case> cases{
      {"add", [](In a, In b) { return add(a, b); }},
      {"sub", [](In a, In b) { return sub(a, b); }},
      {"mul", [](In a, In b) { return mul(a, b); }},
      {"div", [](In a, In b) { return div(a, b); }},
      {"neg", [](In a, In) { return neg(a); }},
      {"add_scalar", [](In a, In) { return add_scalar(a, 1.5); }},
      {"mul_scalar", [](In a, In) { return mul_scalar(a, -2.5); }},
      {"relu", [](In a, In) { return relu(a); }},
      {"exp", [](In a, In) { return exp(a); }},
      {"expm1", [](In a, In) { return expm1(a); }},
      {"log", [](In a, In) { return log(a); }},
      {"log1p", [](In a, In) { return log1p(a); }},
      {"sqrt", [](In a, In) { return sqrt(a); }},
      {"rsqrt", [](In a, In) { return rsqrt(a); }},
      {"abs", [](In a, In) { return abs(a); }},
      {"sin", [](In a, In) { return sin(a); }},
      {"cos", [](In a, In) { return cos(a); }},
      {"tanh", [](In a, In) { return tanh(a); }},
      {"sigmoid", [](In a, In) { return sigmoid(a); }},
      {"silu", [](In a, In) { return silu(a); }},
      {"gelu", [](In a, In) { return gelu(a); }},
      {"gelu_tanh", [](In a, In) { return gelu(a, {.approximate = GeluApproximation::Tanh}); }},
      {"leaky_relu", [](In a, In) { return leaky_relu(a); }},
      {"pow", [](In a, In) { return pow(a, 3); }},
      {"pow_tensor", [](In a, In b) { return pow(a, b); }},
      {"maximum", [](In a, In b) { return maximum(a, b); }},
      {"minimum", [](In a, In b) { return minimum(a, b); }},
      {"clamp", [](In a, In) { return clamp(a, {.min = -0.5, .max = 0.5}); }},
      {"one operand twice", [](In a, In) { return add(mul(a, a), a); }},
      {"reshaped",
       [](In a, In b) {
         return mul(reshape(a, {-1, 5, 10}), reshape(b, {-1, 5, 10}));
       }},
  };
  for (const Case& c : cases) {
    for (const int64_t n : {5, 32, 100}) {
      SCOPED_TRACE(std::string(c.name) + " of " + std::to_string(n));
      const Tensor a = awkward({n, 5, 10}, 1);
      const Tensor b = awkward({n, 5, 10}, 2);
      const Shape shape = std::string(c.name) == "reshaped" ? Shape({n, 5, 10}) : a.shape();
      const Tensor grad = awkward(shape, 3);
      const std::vector<Tensor> rows = run(c, a, b, grad, [](const Tensor& x) { return x.clone(); });
      const std::vector<Tensor> tiles = run(c, a, b, grad, [](const Tensor& x) { return TensorTiles::pack(x, 32); });
      ASSERT_EQ(tiles.size(), rows.size());
      for (size_t i = 0; i < rows.size(); ++i) {
        SCOPED_TRACE(i);
        EXPECT_EQ(TensorTiles::width(rows[i]), 0);
        EXPECT_EQ(TensorTiles::width(tiles[i]), 32);
        EXPECT_FALSE(TensorTiles::has_rows(tiles[i]));
        expect_zeros_past_the_batch(tiles[i]);
        expect_same_bits(tiles[i], rows[i]);
      }
    }
  }
}

// A mask is a function of the key and the logical element, whatever the layout and the number of threads.
TEST(Tiles, StayThroughDropoutWithTheMaskOfRows) {
  const auto f = [](In a, In) { return dropout(a, 0.3, 11); };
  for (const int64_t n : {1, 5, 32, 1500}) {
    SCOPED_TRACE(n);
    const Tensor a = awkward({n, 3, 12}, 1), grad = awkward({n, 3, 12}, 3);
    const std::vector<Tensor> rows = run({"dropout", f}, a, a, grad, [](const Tensor& x) { return x.clone(); });
    for (const int threads : {1, 2, 3, 8}) {
      for (const int width : {8, 16, 64}) {
        std::vector<Tensor> tiles;
        with_threads(threads, [&] {
          tiles = run({"dropout", f}, a, a, grad, [=](const Tensor& x) { return TensorTiles::pack(x, width); });
        });
        for (size_t i = 0; i < 2; ++i) {  // the result and the gradient of a
          ASSERT_EQ(TensorTiles::width(tiles[i]), width);
          expect_zeros_past_the_batch(tiles[i]);
          expect_same_bits(tiles[i], rows[i]);
        }
      }
    }
  }
}

TEST(Tiles, MeetRowsAndOtherWidthsInOneOperation) {
  const Tensor a = awkward({40, 30}, 1);
  const Tensor b = awkward({40, 30}, 2);
  const Tensor expected = add(a, b);
  const Tensor packed = TensorTiles::pack(a, 32);
  for (const Tensor& other : {b, TensorTiles::pack(b, 16), TensorTiles::pack(b, 32)}) {
    expect_same_bits(add(packed, other), expected);
    expect_same_bits(add(other, packed), expected);
  }
  EXPECT_EQ(TensorTiles::width(add(packed, b)), 32) << "rows join the tiles";
  EXPECT_EQ(TensorTiles::width(add(b, packed)), 32);
  const Tensor row = awkward({30}, 3);
  expect_same_bits(add(packed, row), add(a, row));
  const Tensor column = awkward({40, 1}, 4);
  expect_same_bits(mul(column, packed), mul(column, a));
}

TEST(Tiles, AreRowsToOperationsThatDoNotKnowThem) {
  const PatternPtr full = CsrPattern::full(7, 30);
  const Tensor weight = uniform({7, 30}, 5, DType::f32);
  const Tensor labels = Tensor::zeros({40}, DType::i64);
  const std::vector<Case> cases{
      {"sum", [](In a, In) { return sum(a, {.dims = {0}}); }},
      {"mean", [](In a, In) { return mean(a); }},
      {"max", [](In a, In) { return max(a, {.dims = {1}}); }},
      {"softmax", [](In a, In) { return softmax(a); }},
      {"log_softmax", [](In a, In) { return log_softmax(a, 0); }},
      {"slice", [](In a, In) { return slice(a, 3, 20); }},
      {"slice of a dimension", [](In a, In) { return slice(a, {.dim = 1, .begin = 2, .end = 29, .step = 3}); }},
      {"transpose", [](In a, In) { return transpose(a, 0, 1); }},
      {"reshape",
       [](In a, In) {
         return reshape(a, {30, 40});
       }},
      {"broadcast", [](In a, In b) { return mul(a, slice(b, 0, 1)); }},
      {"matmul", [](In a, In b) { return matmul(a, transpose(b, 0, 1)); }},
      {"linear", [=](In a, In) { return linear(a, weight); }},
      {"dropout", [](In a, In) { return dropout(a, 0.3, 11); }},
      {"cross_entropy", [=](In a, In) { return cross_entropy(a, labels); }},
      {"full pattern", [=](In a, In) { return csr_linear(a, full, weight.alias({210}), Tensor::ones({7})); }},
  };
  const Tensor a = uniform({40, 30}, 1, DType::f32);
  const Tensor b = uniform({40, 30}, 2, DType::f32);
  expect_equal(argmax(TensorTiles::pack(a, 16)), argmax(a));
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Tensor grad = uniform(c.f(a, b).shape(), 3, DType::f32);
    const std::vector<Tensor> rows = run(c, a, b, grad, [](const Tensor& x) { return x.clone(); });
    const std::vector<Tensor> tiles =
        run(c, a, b, grad, [](const Tensor& x) { return x.rank() > 0 ? TensorTiles::pack(x, 16) : x.clone(); });
    ASSERT_EQ(tiles.size(), rows.size());
    for (size_t i = 0; i < rows.size(); ++i) expect_same_bits(tiles[i], rows[i]);
  }
}

PatternPtr random_pattern(int64_t rows, int64_t cols, double density, uint64_t key) {
  return CsrPattern::from_mask(random_mask({rows, cols}, key, density));
}

TEST(ColumnSums, OfTilesAreThoseOfRows) {
  for (const int64_t n : {3, 64, 100, 1000}) {
    for (const int64_t features : {1, 70, 300}) {
      const Tensor x = uniform({n, features}, 1, DType::f32);
      const Tensor expected = column_sums(x.to(DType::f64)).to(DType::f32);
      for (const int width : {8, 16, 32, 64}) {
        SCOPED_TRACE(std::to_string(n) + " x " + std::to_string(features) + ", width " + std::to_string(width));
        expect_close(column_sums(TensorTiles::pack(x, width)), expected, 1e-5, 1e-4);
      }
    }
  }
}

// A network of CSR layers whose activations pass through every kind of operation, and its gradients.
std::vector<Tensor> network(const Tensor& x0, const std::vector<PatternPtr>& patterns, DType dtype) {
  const Tensor x = x0.to(dtype).clone().set_requires_grad();
  std::vector<Tensor> leaves{x};
  Tensor h = x;
  for (size_t i = 0; i < patterns.size(); ++i) {
    const PatternPtr& p = patterns[i];
    const Tensor values = uniform({p->nnz()}, 10 + i, DType::f32).to(dtype).set_requires_grad();
    const Tensor bias = uniform({p->rows()}, 20 + i, DType::f32).to(dtype).set_requires_grad();
    leaves.push_back(values);
    leaves.push_back(bias);
    const Tensor y = csr_linear(h, p, values, i == 1 ? Tensor() : bias);
    h = relu(y);
    if (i == 1) h = add(h, mul_scalar(y, 0.5));  // two gradients meet at y
    if (i == 2) h = dropout(h, 0.2, 5);
  }
  const Tensor y = reshape(h, {-1, patterns.back()->rows()});
  y.backward(uniform(y.shape(), 30, DType::f32).to(dtype));
  std::vector<Tensor> all{y.detach()};
  for (const Tensor& leaf : leaves) {
    if (leaf.grad().defined()) all.push_back(leaf.grad());
  }
  return all;
}

std::vector<PatternPtr> patterns() {
  return {random_pattern(90, 50, 0.05, 1), random_pattern(90, 90, 0.3, 2), random_pattern(130, 90, 0.1, 3),
          random_pattern(20, 130, 0.02, 4)};
}

TEST(CsrLinear, InChainsEqualsItsF64Form) {
  for (const Shape& shape : {Shape{4, 50}, Shape{15, 50}, Shape{16, 50}, Shape{33, 50}, Shape{5, 26, 50}}) {
    SCOPED_TRACE(shape.to_string());
    const Tensor x = uniform(shape, 1, DType::f32);
    const std::vector<Tensor> fast = network(x, patterns(), DType::f32);
    const std::vector<Tensor> exact = network(x, patterns(), DType::f64);
    ASSERT_EQ(fast.size(), exact.size());
    for (size_t i = 0; i < fast.size(); ++i) {
      SCOPED_TRACE(i);
      expect_close(fast[i].to(DType::f64), exact[i], 1e-4, 1e-5);
    }
  }
}

TEST(CsrLinear, InChainsGivesTheSameBitsForAnyNumberOfThreads) {
  const Tensor x = uniform({200, 50}, 1, DType::f32);
  const std::vector<Tensor> expected = network(x, patterns(), DType::f32);
  for (const int threads : {1, 2, 3, 8}) {
    std::vector<Tensor> actual;
    with_threads(threads, [&] { actual = network(x, patterns(), DType::f32); });
    for (size_t i = 0; i < expected.size(); ++i) expect_same_bits(actual[i], expected[i]);
  }
}

TEST(CsrLinear, PassesTilesOnFromLayerToLayer) {
  const PatternPtr first = random_pattern(40, 30, 0.5, 1);
  const PatternPtr second = random_pattern(20, 40, 0.01, 2);
  const Tensor x = uniform({100, 30}, 1, DType::f32);
  const Tensor h = csr_linear(x, first, uniform({first->nnz()}, 2, DType::f32));
  const int width = TensorTiles::width(h);
  EXPECT_NE(width, 0);
  const Tensor y = csr_linear(relu(h), second, uniform({second->nnz()}, 3, DType::f32));
  EXPECT_EQ(TensorTiles::width(y), width);
  EXPECT_FALSE(TensorTiles::has_rows(h));
  EXPECT_FALSE(TensorTiles::has_rows(y));
}

TEST(CsrLinear, GivesTheInputsGradientInTheInputsLayout) {
  const PatternPtr pattern = random_pattern(40, 30, 0.2, 1);
  const Tensor x = uniform({100, 30}, 1, DType::f32);
  for (const Tensor& input : {x.clone(), TensorTiles::pack(x, 16)}) {
    Tensor leaf = input;
    leaf.set_requires_grad();
    const Tensor y = csr_linear(leaf, pattern, uniform({pattern->nnz()}, 2, DType::f32).set_requires_grad());
    y.backward(uniform({100, 40}, 3, DType::f32));
    EXPECT_EQ(TensorTiles::width(leaf.grad()), TensorTiles::width(input));
  }
}

TEST(CsrPacked, GivesSeveralProductsTheirTilesAndTakesTheirGradientsTogether) {
  const PatternPtr pattern = random_pattern(40, 30, 0.2, 1);
  const auto run = [&](const Tensor& from, bool has_tiles) {
    const Tensor values = uniform({pattern->nnz()}, 2, DType::f32).to(from.dtype()).set_requires_grad();
    const CsrWeight weight{.pattern = pattern, .values = values};
    const Tensor x = from.clone().set_requires_grad();
    const Tensor in = csr_packed(x, weight);
    EXPECT_EQ(TensorTiles::width(in) != 0, has_tiles);
    const Tensor y = add(csr_linear(in, weight, {}), relu(csr_linear(in, weight, {})));
    y.backward(uniform(y.shape(), 3, DType::f32).to(from.dtype()));
    return std::vector<Tensor>{y.detach(), x.grad(), values.grad()};
  };
  for (const int64_t n : {15, 100}) {
    const std::vector<Tensor> expected = run(uniform({n, 30}, 1, DType::f32).to(DType::f64), false);
    const std::vector<Tensor> actual = run(uniform({n, 30}, 1, DType::f32), n == 100);
    for (size_t i = 0; i < expected.size(); ++i) expect_close(actual[i].to(DType::f64), expected[i], 1e-4, 1e-5);
  }
}

TEST(CsrLinear, StaysRowMajorForSmallBatchesAndF64) {
  const PatternPtr pattern = random_pattern(40, 30, 0.2, 1);
  const Tensor values = uniform({pattern->nnz()}, 2, DType::f32);
  EXPECT_EQ(TensorTiles::width(csr_linear(uniform({15, 30}, 1, DType::f32), pattern, values)), 0);
  EXPECT_NE(TensorTiles::width(csr_linear(uniform({16, 30}, 1, DType::f32), pattern, values)), 0);
  EXPECT_EQ(TensorTiles::width(csr_linear(uniform({100, 30}, 1), pattern, values.to(DType::f64))), 0);
}

TEST(CsrLinear, KeepsInfinityOutOfTheLanesPastTheBatch) {
  const PatternPtr pattern = random_pattern(40, 30, 0.2, 1);
  Tensor values = uniform({pattern->nnz()}, 2, DType::f32);
  values.mutable_data<float>()[0] = std::numeric_limits<float>::infinity();
  const Tensor x = TensorTiles::pack(uniform({35, 30}, 1, DType::f32), 16).set_requires_grad();
  const Tensor y = csr_linear(x, pattern, values);
  expect_zeros_past_the_batch(y);
  y.backward(Tensor::ones({35, 40}));
  expect_zeros_past_the_batch(x.grad());
}

TEST(CsrLinear, SeesWhatWasWrittenThroughAPointerKeptFromBefore) {
  const PatternPtr pattern = random_pattern(40, 30, 0.2, 1);
  const Tensor values = uniform({pattern->nnz()}, 2, DType::f32).set_requires_grad();
  Tensor x = uniform({32, 30}, 1, DType::f32);
  float* const kept = x.mutable_data<float>();
  csr_linear(x, pattern, values);
  std::fill_n(kept, x.numel(), 0.5F);
  expect_same_bits(csr_linear(x, pattern, values), csr_linear(Tensor::full({32, 30}, 0.5), pattern, values));
}

TEST(CsrLinear, RefusesBackwardOnlyWhereTheInputThatItKeptWasWritten) {
  const PatternPtr pattern = random_pattern(40, 30, 0.2, 1);
  const Tensor x = uniform({32, 30}, 1, DType::f32);
  const Tensor dy = Tensor::ones({32, 40});
  const auto backward_after_a_write = [&](Tensor input) {
    const Tensor values = uniform({pattern->nnz()}, 2, DType::f32).set_requires_grad();
    const Tensor y = csr_linear(input, pattern, values);
    input.mutable_data<float>()[0] = 1;
    y.backward(dy);
    return values.grad();
  };
  // Tiles of the right width, and small batches, are kept as they are.
  message_of<StateError>([&] { backward_after_a_write(TensorTiles::pack(x, 32)); });
  message_of<StateError>([&] {
    const Tensor values = uniform({pattern->nnz()}, 2, DType::f32).set_requires_grad();
    Tensor few = uniform({4, 30}, 1, DType::f32);
    const Tensor y = csr_linear(few, pattern, values);
    few.fill(1);
    y.backward(Tensor::ones({4, 40}));
  });
  // Of rows the packed copy is kept, and no second one of x.
  const Tensor values = uniform({pattern->nnz()}, 2, DType::f32).set_requires_grad();
  csr_linear(x, pattern, values).backward(dy);
  expect_same_bits(backward_after_a_write(x.clone()), values.grad());
}

}  // namespace
}  // namespace gossamer::test_tiles
