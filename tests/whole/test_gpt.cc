// The GPT of the examples: it learns dense and sparse, and writes the same with its caches as without.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "examples/gpt_model.h"

namespace gossamer::test_gpt {
namespace {

constexpr int64_t kContext = 12;
constexpr int64_t kSteps = 40;

struct Case {
  const char* name;
  bool rotary;
  bool tied;
  // Of RigL at 50 %; none: dense.
  std::vector<std::string> sparse;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

std::vector<std::string> with_embedding() {
  std::vector<std::string> globs = kGptSparseWeights;
  globs.emplace_back("token_embedding.weight");
  return globs;
}

// A model that was trained on the numbers 0 to 9, over and over, with a step of 1 or 3: what follows is known after
// two.
struct Trained {
  Gpt model;
  sparse::Group sparsity;
  double first_loss = 0;
  double last_loss = 0;

  static Gpt make(const Case& c) {
    Generator rng(7);
    return Gpt(
        {.vocabulary = 10, .context = kContext, .layers = 2, .dim = 16, .heads = 2, .rotary = c.rotary, .tied = c.tied},
        rng);
  }

  explicit Trained(const Case& c) : model(make(c)), sparsity(sparse::Group::none()) {
    if (!c.sparse.empty()) {
      sparsity =
          sparse::Group({{c.sparse, sparse::RigL({.sparsity = 0.5, .update = {.freq = 4, .stop = kSteps / 2}})}});
    }
    model.apply(sparsity);
    optim::AdamW optimizer(model.parameters(), {.lr = 1e-2});
    optimizer.apply(sparsity);
    for (int64_t step = 0; step < kSteps; ++step) {
      const auto [x, y] = batch(step);
      const Tensor loss = cross_entropy(flatten(model(x), {.end_dim = 1}), flatten(y));
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      (step == 0 ? first_loss : last_loss) = loss.item<double>();
    }
    model.eval();
  }

  static std::pair<Tensor, Tensor> batch(int64_t step) {
    constexpr int64_t kRows = 8;
    std::vector<int64_t> x, y;
    for (int64_t row = 0; row < kRows; ++row) {
      const int64_t stride = row % 2 == 0 ? 1 : 3;
      for (int64_t t = 0; t < kContext; ++t) {
        x.push_back((step + row + t * stride) % 10);
        y.push_back((x.back() + stride) % 10);
      }
    }
    return {Tensor::from(x, {kRows, kContext}), Tensor::from(y, {kRows, kContext})};
  }
};

class GptExample : public testing::TestWithParam<Case> {};

TEST_P(GptExample, LearnsAndWritesTheSameWithCachesAsWithout) {
  Trained trained(GetParam());
  Gpt& model = trained.model;
  EXPECT_NEAR(trained.first_loss, std::log(10), 0.1) << "GPT-2's initial values leave all tokens about equally likely";
  EXPECT_LT(trained.last_loss, 0.5 * trained.first_loss);
  EXPECT_EQ(trained.sparsity.sparse_params().size(),
            GetParam().sparse.empty() ? 0 : 12 + (GetParam().sparse.size() - 3));
  for (const sparse::SparseParameter& p : trained.sparsity.sparse_params()) {
    EXPECT_NEAR(p.param().sparsity(), 0.5, 0.01) << p.name();
    EXPECT_GT(p.param().last_change().grown, 0) << p.name();
  }

  // Pieces of a sequence, fed one after the other.
  const NoGrad no_grad;
  const Tensor tokens = Trained::batch(100).first;
  const Tensor whole = model(tokens);
  Gpt::Caches caches = model.make_caches(tokens.dim(0));
  int64_t fed = 0;
  for (const int64_t piece : {5, 1, 1, 5}) {
    const Tensor last = model.forward(slice(tokens, {.dim = 1, .begin = fed, .end = fed + piece}), caches);
    fed += piece;
    const Tensor expected = slice(whole, {.dim = 1, .begin = fed - 1, .end = fed});
    ASSERT_EQ(last.shape(), expected.shape());
    for (int64_t i = 0; i < last.numel(); ++i) {
      EXPECT_NEAR(last.data<float>()[i], expected.data<float>()[i], 1e-4) << "after " << fed;
    }
  }

  // Far beyond the context, where the caches begin anew.
  const nn::GenerateOptions options{.max_new_tokens = 4 * kContext, .sampling = {.temperature = 0}};
  std::vector<int64_t> seen;
  const auto written = nn::generate(
      [&](const Tensor& next) {
        seen.insert(seen.end(), next.data<int64_t>(), next.data<int64_t>() + next.numel());
        if (std::ssize(seen) > kContext) seen.erase(seen.begin(), seen.end() - kContext / 2);
        return model(Tensor::from(seen, {1, std::ssize(seen)}));
      },
      {{2, 5, 8}}, options);
  EXPECT_EQ(nn::generate(next_logits(model, 1), {{2, 5, 8}}, options), written);
}

INSTANTIATE_TEST_SUITE_P(, GptExample,
                         testing::Values(Case{"Dense", false, true, {}}, Case{"DenseRotaryUntied", true, false, {}},
                                         Case{"Sparse", false, true, kGptSparseWeights},
                                         Case{"SparseRotary", true, false, kGptSparseWeights},
                                         Case{"SparseTiedOutput", false, true, with_embedding()}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Gpt, WritesFromSeveralThreadsAtOnce) {
  Trained trained({"", true, true, kGptSparseWeights});
  const nn::GenerateOptions options{.max_new_tokens = 2 * kContext, .seed = 3};
  const auto expected = nn::generate(next_logits(trained.model, 1), {{1, 2}}, options);
  std::array<std::vector<std::vector<int64_t>>, 3> written;
  {
    std::vector<std::jthread> threads;
    for (auto& own : written) {
      threads.emplace_back([&] { own = nn::generate(next_logits(trained.model, 1), {{1, 2}}, options); });
    }
  }
  for (const auto& own : written) EXPECT_EQ(own, expected);
}

TEST(Gpt, IsClonedWithItsTiedOutput) {
  Trained trained({"", false, true, with_embedding()});
  const auto copy = trained.model.clone();
  const Tensor tokens = Trained::batch(1).first;
  const NoGrad no_grad;
  const Tensor expected = trained.model(tokens);
  trained.model.parameters()[0].values().copy_from(Tensor::zeros(trained.model.parameters()[0].values().shape()));
  const Tensor y = (*copy)(tokens);
  for (int64_t i = 0; i < y.numel(); ++i) ASSERT_EQ(y.data<float>()[i], expected.data<float>()[i]);
  EXPECT_EQ(copy->named_parameters().size(), trained.model.named_parameters().size());
}

}  // namespace
}  // namespace gossamer::test_gpt
