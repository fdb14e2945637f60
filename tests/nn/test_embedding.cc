// Embedding, and tables that the output shares: against masked dense twins, under changing patterns, saved and loaded.
#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/functional.h"
#include "gossamer/nn/embedding.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/sparse/gmp.h"
#include "gossamer/sparse/rigl.h"
#include "gossamer/sparse/set.h"
#include "gossamer/sparse/snfs.h"
#include "gossamer/sparse/static.h"
#include "tests/nn/support.h"

namespace gossamer::nn::test_embedding_layer {
namespace {

constexpr int64_t kRows = 12;
constexpr int64_t kDim = 8;

Tensor tokens(int64_t n, uint64_t key) {
  Tensor indices = Tensor::empty({n}, DType::i64);
  for (int64_t i = 0; i < n; ++i) {
    indices.mutable_data<int64_t>()[i] = static_cast<int64_t>(random_bits(key, static_cast<uint64_t>(i)) % kRows);
  }
  return indices;
}

TEST(EmbeddingLayer, LooksUpRowsOfAStandardNormalTable) {
  Generator rng(1);
  Embedding layer({.num_embeddings = 300, .embedding_dim = 200, .dtype = DType::f64}, rng);
  double sum = 0;
  double squares = 0;
  const Tensor table = layer.weight().values();
  for (const double v : table.span<double>()) {
    sum += v;
    squares += v * v;
  }
  EXPECT_NEAR(sum / 6e4, 0, 0.03);
  EXPECT_NEAR(squares / 6e4, 1, 0.05);
  const Tensor y = layer(Tensor::from<int64_t>({299, 0, 299, 7}, {2, 2}));
  ASSERT_EQ(y.shape(), Shape({2, 2, 200}));
  expect_equal(y.detach().alias({4, 200}).alias({1, 200}, 400), slice(layer.weight().dense(), 299, 300));
  expect_equal(y.detach().alias({4, 200}).alias({1, 200}, 600), slice(layer.weight().dense(), 7, 8));
}

TEST(EmbeddingLayer, CreatedInCsrIsTheMaskedDenseOne) {
  for (const std::optional<int64_t> padding : {std::optional<int64_t>(), std::optional<int64_t>(-2)}) {
    Generator rng(1);
    Generator same(1);
    const EmbeddingOptions options{.num_embeddings = kRows, .embedding_dim = kDim, .padding_idx = padding};
    Embedding dense(options, rng);
    EmbeddingOptions in_csr = options;
    in_csr.sparsity = 0.6;
    Embedding csr(in_csr, same);
    EXPECT_EQ(rng.next_key(), same.next_key());
    ASSERT_TRUE(csr.weight().is_csr());
    const Tensor mask = csr.weight().mask().to(DType::f32);
    expect_close(csr.weight().dense(), mul(dense.weight().dense(), mask), 0, 0);
    const Tensor indices = tokens(40, 3);
    const auto run = [&](Embedding& layer) {
      const Tensor y = layer(indices);
      sum(mul(y, y)).backward();
      return y.detach();
    };
    dense.weight().values().copy_from(csr.weight().dense());
    expect_equal(run(csr), run(dense));
    expect_equal(csr.weight().grad(), csr.weight().pattern()->gather(dense.weight().grad()));
    if (padding) expect_equal(slice(dense.weight().dense(), 10, 11), Tensor::zeros({1, kDim}));
    if (padding) expect_equal(slice(dense.weight().grad(), 10, 11), Tensor::zeros({1, kDim}));
  }
}

TEST(EmbeddingLayer, ClonesWithItsTableAndPadding) {
  Generator rng(1);
  Embedding layer({.num_embeddings = 5, .embedding_dim = 3, .padding_idx = 2, .sparsity = 0.5}, rng);
  const auto copy = layer.clone();
  EXPECT_EQ(*copy->parameters()[0].pattern(), *layer.weight().pattern());
  expect_equal(copy->parameters()[0].dense(), layer.weight().dense());
  EXPECT_EQ(dynamic_cast<Embedding&>(*copy).options().padding_idx, 2);
}

TEST(EmbeddingLayer, RefusesSizesPaddingAndTablesThatCannotBe) {
  Generator rng(1);
  const auto make = [&](EmbeddingOptions options) { return Embedding(options, rng); };
  EXPECT_NE(message_of<ConfigError>([&] {
              make({.num_embeddings = 0, .embedding_dim = 3});
            }).find("Embedding: num_embeddings and embedding_dim must be at least 1; num_embeddings 0"),
            std::string::npos);
  EXPECT_THROW(make({.num_embeddings = 3, .embedding_dim = -1}), ConfigError);
  EXPECT_THROW(make({.num_embeddings = 3, .embedding_dim = 3, .sparsity = 1}), ConfigError);
  EXPECT_THROW(make({.num_embeddings = 3, .embedding_dim = 3, .dtype = DType::i64}), DTypeError);
  EXPECT_THROW(make({.num_embeddings = 3, .embedding_dim = 3, .padding_idx = 3}), IndexError);
  EXPECT_THROW(Embedding(Parameter(Tensor::zeros({3}))), ShapeError);
  EXPECT_THROW(Embedding(Parameter{}), ShapeError);
  EXPECT_THROW(Embedding(Parameter(Tensor::zeros({3, 2})), -4), IndexError);
  Embedding layer = make({.num_embeddings = 3, .embedding_dim = 2});
  EXPECT_THROW(layer(Tensor::zeros({2})), DTypeError);
  EXPECT_THROW(layer(Tensor::full({2}, 3, DType::i64)), IndexError);
}

// A language model of one layer: the next token is scored by the table that the current one is looked up in.
struct Tied : Cloneable<Tied> {
  Embedding in;
  Linear out;

  explicit Tied(Generator& rng)
      : in({.num_embeddings = kRows, .embedding_dim = kDim, .dtype = DType::f64}, rng), out(in.weight()) {
    register_module("in", in);
    register_module("out", out);
  }
  Tensor forward(const Tensor& indices) override { return out(tanh(in(indices))); }
  const Parameter& table() const { return in.weight(); }
};

// The same of a dense tensor, and the loss.
Tensor tied_loss(const Tensor& table, uint64_t step) {
  return cross_entropy(linear(tanh(embedding(tokens(30, step), table)), table), tokens(30, step + 1000));
}
Tensor tied_loss(Tied& net, uint64_t step) { return cross_entropy(net(tokens(30, step)), tokens(30, step + 1000)); }

// The gradient of every element, alive or not.
Tensor dense_gradient(const Parameter& table, uint64_t step) {
  Tensor leaf = table.dense().set_requires_grad();
  tied_loss(leaf, step).backward();
  return leaf.grad();
}

TEST(TiedEmbedding, IsOneParameterWhoseGradientSumsBothUses) {
  for (const bool csr : {false, true}) {
    Generator rng(4);
    Tied net(rng);
    if (csr) make_csr(net.table(), {0, 3, 9, 17, 18, 40, 55, 56, 70, 88, 95});
    EXPECT_EQ(names_of(net.named_parameters()), Names{"in.weight"});
    tied_loss(net, 1).backward();
    Tensor first = net.table().dense().set_requires_grad();
    Tensor second = net.table().dense().set_requires_grad();
    cross_entropy(linear(tanh(embedding(tokens(30, 1), first)), second), tokens(30, 1001)).backward();
    const Tensor both = first.grad() + second.grad();
    expect_close(net.table().grad(), csr ? net.table().pattern()->gather(both) : both, 1e-12, 1e-14);
  }
}

TEST(TiedEmbedding, IsSavedOnceAndLoadedIntoBothUses) {
  for (const bool csr : {false, true}) {
    Generator rng(4);
    Tied net(rng);
    if (csr) make_csr(net.table(), {0, 3, 9, 17, 18, 40, 55, 56, 70, 88, 95});
    const StateDict dict = net.state_dict();
    EXPECT_EQ(names_of(dict), csr ? (Names{"in.weight", "in.weight_mask"}) : Names{"in.weight"});
    Generator other(5);
    Tied loaded(other);
    loaded.load_state_dict(dict);
    expect_equal(loaded(tokens(9, 1)), net(tokens(9, 1)));
    EXPECT_EQ(loaded.out.weight(), loaded.in.weight());
    const auto copy = net.clone();
    expect_equal((*copy)(tokens(9, 1)), net(tokens(9, 1)));
    EXPECT_EQ(copy->parameters().size(), 1U);
  }
}

TEST(TiedEmbedding, InCsrTrainsAsTheMaskedDenseOne) {
  Generator rng(4);
  Tied net(rng);
  sparse::Static algorithm(0.7);
  net.apply(algorithm);
  optim::SGD optimizer(net.parameters(), {.lr = 0.5, .momentum = 0.9});
  optimizer.apply(algorithm);
  const Tensor mask = net.table().mask().to(DType::f64);
  const Parameter twin(net.table().dense());
  twin.set_requires_grad(true);
  optim::SGD twin_optimizer({twin}, {.lr = 0.5, .momentum = 0.9});
  for (uint64_t step = 0; step < 10; ++step) {
    optimizer.zero_grad();
    const Tensor loss = tied_loss(net, step);
    loss.backward();
    optimizer.step();
    twin_optimizer.zero_grad();
    const Tensor twin_loss = tied_loss(mul(twin.tensor(), mask), step);
    twin_loss.backward();
    twin_optimizer.step();
    EXPECT_NEAR(loss.item<double>(), twin_loss.item<double>(), 1e-12) << step;
  }
  expect_close(net.table().dense(), twin.dense(), 1e-10, 1e-12);
}

TEST(TiedEmbedding, FollowsChangingPatterns) {
  const sparse::UpdateSchedule update{.freq = 2};
  const std::pair<const char*, std::function<std::unique_ptr<sparse::SparsityAlgorithm>()>> algorithms[] = {
      {"RigL", [&] { return std::make_unique<sparse::RigL>(sparse::RigLOptions{.sparsity = 0.7, .update = update}); }},
      {"SET", [&] { return std::make_unique<sparse::SET>(sparse::SETOptions{.sparsity = 0.7, .update = update}); }},
      {"SNFS", [&] { return std::make_unique<sparse::SNFS>(sparse::SNFSOptions{.sparsity = 0.7, .update = update}); }},
      {"GMP",
       [&] {
         return std::make_unique<sparse::GMP>(
             sparse::GMPOptions{.sparsity = sparse::Linear{.init = 0, .slope = 0.1}, .update = {.freq = 2, .stop = 8}});
       }},
  };
  for (const auto& [name, make] : algorithms) {
    SCOPED_TRACE(name);
    Generator rng(4);
    Tied net(rng);
    const auto algorithm = make();
    net.apply(*algorithm);
    optim::SGD optimizer(net.parameters(), {.lr = 0.5, .momentum = 0.9});
    optimizer.apply(*algorithm);
    int64_t changes = 0;
    for (uint64_t step = 0; step < 9; ++step) {
      optimizer.zero_grad();
      tied_loss(net, step).backward();
      const Tensor expected = dense_gradient(net.table(), step);
      expect_close(net.table().grad(), net.table().is_csr() ? net.table().pattern()->gather(expected) : expected, 1e-11,
                   1e-13);
      const auto before = net.table().topology();
      optimizer.step();
      if (*net.table().topology() != *before) ++changes;
    }
    EXPECT_GE(changes, 3);
    EXPECT_TRUE(net.table().is_csr());
    EXPECT_EQ(net.out.weight().pattern(), net.in.weight().pattern());
  }
}

TEST(TiedEmbedding, ResumesWithTheGradientsThatWereRetained) {
  struct Run {
    Tied net;
    sparse::SNFS algorithm{{.sparsity = 0.7, .update = {.freq = 5}, .window = 4}};
    optim::SGD optimizer;
    explicit Run(Generator rng) : net(rng), optimizer(net.parameters(), {.lr = 0.5, .momentum = 0.9}) {
      net.apply(algorithm);
      optimizer.apply(algorithm);
    }
    void step(uint64_t step) {
      optimizer.zero_grad();
      tied_loss(net, step).backward();
      optimizer.step();
    }
  };
  Run whole(Generator(4));
  for (uint64_t step = 0; step < 3; ++step) whole.step(step);
  const StateDict state = whole.algorithm.state_dict();
  // The rows that were looked up, as numbers, and what the output layer saw.
  EXPECT_TRUE(std::ranges::any_of(
      state, [](const auto& entry) { return entry.first.ends_with(".x") && entry.second.dtype() == DType::i64; }));
  Run resumed(Generator(5));
  resumed.net.load_state_dict(whole.net.state_dict());
  resumed.optimizer.load_state_dict(whole.optimizer.state_dict());
  resumed.algorithm.load_state_dict(state);
  for (uint64_t step = 3; step < 12; ++step) {
    whole.step(step);
    resumed.step(step);
    ASSERT_EQ(*resumed.net.table().pattern(), *whole.net.table().pattern()) << step;
    expect_equal(resumed.net.table().dense(), whole.net.table().dense());
  }
  StateDict outside = state;
  for (auto& [name, tensor] : outside) {
    if (name.ends_with(".x") && tensor.dtype() == DType::i64) tensor = Tensor::full(tensor.shape(), kRows, DType::i64);
  }
  EXPECT_THROW(resumed.algorithm.load_state_dict(outside), FormatError);
}

TEST(TiedEmbedding, GrowsWhereTheGradientOfBothUsesIsLargest) {
  Generator rng(4);
  Tied net(rng);
  sparse::RigL algorithm({.sparsity = 0.7, .drop_fraction = 0.4});
  net.apply(algorithm);
  for (uint64_t step = 0; step < 4; ++step) {
    net.zero_grad();
    tied_loss(net, step).backward();
    const Tensor gradient = dense_gradient(net.table(), step);
    // The weakest are dropped, and of all that are then absent those with the largest gradients grow.
    const Tensor before = net.table().dense();
    const auto nnz = static_cast<size_t>(net.table().nnz());
    const auto kept = static_cast<size_t>((1 - 0.4F) * static_cast<float>(nnz));
    std::vector<int64_t> order;
    net.table().pattern()->for_each([&](const SlotPosition& at) { order.push_back(at.row * kDim + at.col); });
    const auto by = [&](const Tensor& x) {
      return [&](int64_t a, int64_t b) { return std::abs(x.data<double>()[a]) > std::abs(x.data<double>()[b]); };
    };
    std::ranges::stable_sort(order, by(before));
    order.resize(kept);
    std::vector<int64_t> absent;
    for (int64_t at = 0; at < kRows * kDim; ++at) {
      if (std::ranges::find(order, at) == order.end()) absent.push_back(at);
    }
    std::ranges::stable_sort(absent, by(gradient));
    order.insert(order.end(), absent.begin(), absent.begin() + static_cast<int64_t>(nnz - kept));
    std::ranges::sort(order);
    algorithm.update();
    EXPECT_EQ(*net.table().pattern(), *CsrPattern::from_positions(kRows, kDim, order)) << step;
    // Grown ones start at 0 and would be the weakest in the next update.
    Tensor values = net.table().values();
    for (int64_t i = 0; i < values.numel(); ++i) {
      double& v = values.mutable_data<double>()[i];
      if (v == 0) v = 0.01 * static_cast<double>(i + 1);
    }
  }
}

}  // namespace
}  // namespace gossamer::nn::test_embedding_layer
