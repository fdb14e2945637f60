// Custom algorithms: a mask is enough, and what they throw changes nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/error.h"
#include "gossamer/ops/elementwise.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/parameter.h"
#include "gossamer/sparse/drop_and_grow.h"
#include "gossamer/sparse/dynamic.h"
#include "tests/sparse/support.h"
#include "tests/support/golden.h"

namespace gossamer::sparse::test_custom_algorithm {
namespace {

using golden::expect_equal;
using test::contains;
using test::dense_parameter;
using test::mask_string;
using test::set_dense_gradient;
using test::uniform;

// Keeps the first connections of each parameter.
class KeepFirst final : public DynamicSparsityAlgorithm {
 public:
  explicit KeepFirst(Schedule sparsity)
      : DynamicSparsityAlgorithm("KeepFirst", {.sparsity = std::move(sparsity)}, {.freq = 2}) {}

 protected:
  Tensor update_mask(const SparseParameter& parameter, const Tensor& mask, const PlanContext& context) override {
    EXPECT_EQ(mask.shape(), parameter.param().shape());
    Tensor next = Tensor::zeros(mask.shape(), DType::boolean);
    std::fill_n(next.mutable_data<bool>(), num_kept(context.sparsity, mask.numel()), true);
    return next;
  }
};

TEST(CustomAlgorithm, NeedsNothingButAMask) {
  const Parameter p = dense_parameter("w", {2, 2, 3}, 18);
  KeepFirst algorithm(0.5);
  algorithm.apply({p});
  EXPECT_EQ(p.nnz(), 6);
  const Tensor before = p.dense();
  set_dense_gradient(p, uniform(p.shape(), 110));
  algorithm.update();
  set_dense_gradient(p, uniform(p.shape(), 111));
  algorithm.update();
  EXPECT_EQ(mask_string(p), "111111000000");
  expect_equal(p.dense(), test::select(before, p.mask()));
}

class SeesGraphs final : public DynamicSparsityAlgorithm {
 public:
  SeesGraphs() : DynamicSparsityAlgorithm("SeesGraphs", {.sparsity = 0.5}, {}) {}
  std::vector<bool> recorded;  // of each plan

 protected:
  Tensor update_mask(const SparseParameter& parameter, const Tensor& mask, const PlanContext&) override {
    recorded.push_back(mul(parameter.values(), parameter.values()).requires_grad());
    return mask;
  }
};

TEST(CustomAlgorithm, WhatAPlanComputesMakesNoGraph) {
  const Parameter p = dense_parameter("w", {2, 3}, 24);
  SeesGraphs algorithm;
  algorithm.apply({p});
  set_dense_gradient(p, uniform(p.shape(), 150));
  algorithm.update();
  EXPECT_EQ(algorithm.recorded, std::vector<bool>{false});
  EXPECT_TRUE(grad_enabled());
}

TEST(CustomAlgorithm, IsCheckedLikeTheBuiltInOnes) {
  EXPECT_TRUE(contains(message_of<ConfigError>([] { KeepFirst a(1.0); }), "KeepFirst: sparsity"));
}

class WrongMask final : public DynamicSparsityAlgorithm {
 public:
  explicit WrongMask(Tensor mask) : DynamicSparsityAlgorithm("WrongMask", {}, {}), mask_(std::move(mask)) {}

 protected:
  Tensor update_mask(const SparseParameter&, const Tensor&, const PlanContext&) override { return mask_; }

 private:
  Tensor mask_;
};

TEST(CustomAlgorithm, AWrongMaskIsRefusedAndChangesNothing) {
  const auto refuse = [](const Tensor& mask, const std::string& must) {
    const Parameter p = dense_parameter("w", {2, 3}, 19);
    WrongMask algorithm(mask);
    algorithm.apply({p});
    set_dense_gradient(p, uniform(p.shape(), 120));
    const std::string message = message_of<Error>([&] { algorithm.update(); });
    EXPECT_TRUE(contains(message, "update_mask: the mask of 'w' must " + must)) << message;
    EXPECT_EQ(mask_string(p), "111111");
  };
  refuse(Tensor(), "have shape [2, 3]");
  refuse(Tensor::ones({3, 2}, DType::boolean), "have shape [2, 3]");
  refuse(Tensor::ones({2, 3}), "be bool");
}

// Keeps the first connections, and refuses a parameter called "bad".
class Refuses final : public DynamicSparsityAlgorithm {
 public:
  Refuses() : DynamicSparsityAlgorithm("Refuses", {}, {}) {}
  bool refuses = true;

 protected:
  Tensor update_mask(const SparseParameter& parameter, const Tensor& mask, const PlanContext&) override {
    if (refuses && parameter.name() == "bad") throw std::runtime_error("refused");
    Tensor next = Tensor::zeros(mask.shape(), DType::boolean);
    next.mutable_data<bool>()[0] = true;
    return next;
  }
};

TEST(CustomAlgorithm, WhatOnePlanThrowsLeavesAllParametersAndTheStepAsTheyWere) {
  const std::vector<Parameter> parameters{dense_parameter("good", {2, 3}, 22), dense_parameter("bad", {2, 3}, 23)};
  Refuses algorithm;
  algorithm.apply(parameters);
  for (const Parameter& p : parameters) set_dense_gradient(p, uniform(p.shape(), 140));
  EXPECT_THROW(algorithm.update(), std::runtime_error);
  EXPECT_EQ(mask_string(parameters[0]), "111111");
  EXPECT_EQ(algorithm.state_dict().at("optimizers.0.step").item<int64_t>(), 0);
  algorithm.refuses = false;
  algorithm.update();
  for (const Parameter& p : parameters) EXPECT_EQ(mask_string(p), "100000");
  EXPECT_EQ(algorithm.state_dict().at("optimizers.0.step").item<int64_t>(), 1);
}

// Sets masks by itself, as the guide of the original does.
class Alternates final : public SparsityAlgorithm {
 public:
  Alternates() : SparsityAlgorithm("Alternates", {.sparsity = 0.5}) {}

  void update(optim::Optimizer* optimizer) override {
    for (const SparseParameter& p : sparse_params()) {
      Tensor mask = p.mask();
      bool* const bits = mask.mutable_data<bool>();
      for (int64_t i = 0; i < mask.numel(); ++i) bits[i] = !bits[i];
      p.set_mask(mask);
    }
    SparsityAlgorithm::update(optimizer);
  }
};

TEST(CustomAlgorithm, MaySetMasksByItself) {
  const Parameter p = dense_parameter("w", {2, 3}, 24);
  Alternates algorithm;
  algorithm.apply({p});
  optim::SGD optimizer({p}, {.lr = 0.1});
  optimizer.apply(algorithm);
  const Tensor first = p.mask();
  int calls = 0;
  algorithm.register_computed_sparsity_hook([&](const SparsityAlgorithm&, const std::string&, float s) {
    EXPECT_EQ(s, 0.5F);
    ++calls;
  });
  optimizer.step();
  for (int64_t i = 0; i < 6; ++i) EXPECT_NE(p.mask().data<bool>()[i], first.data<bool>()[i]);
  optimizer.step();
  expect_equal(p.mask(), first);
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(algorithm.state_dict().at("optimizers.0.step").item<int64_t>(), 2);
}

// Drops where the weight does not point against its gradient.
class Contrary final : public DropAndGrow {
 public:
  Contrary() : DropAndGrow("Contrary", {.sparsity = 0.5}, {}, 0.5) {}

 protected:
  Tensor drop_scores(const Parameter& parameter) const override { return parameter.values() - parameter.grad(); }
};

TEST(CustomAlgorithm, OnDropAndGrowNeedsARankingAlone) {
  const Parameter p(Tensor::from({1.0, -2.0, 3.0, 0.5, 0.0, 0.0}, {2, 3}), "w");
  SparseParameter("w", p).set_mask(golden::mask_from_string("111100", {2, 3}));
  Contrary algorithm;
  algorithm.apply({p});
  // |w - g| is 0.1, 4, 0.2 and 3.5: two stay, and one grows where |g| is 5.
  set_dense_gradient(p, Tensor::from({0.9, 2.0, 2.8, -3.0, 5.0, 1.0}, {2, 3}));
  algorithm.update();
  EXPECT_EQ(mask_string(p), "010110");
}

class NoRule final : public DynamicSparsityAlgorithm {
 public:
  NoRule() : DynamicSparsityAlgorithm("NoRule", {}, {}) {}
};

TEST(CustomAlgorithm, WithoutARuleSaysWhatToOverride) {
  const Parameter p = dense_parameter("w", {2, 3}, 20);
  NoRule algorithm;
  algorithm.apply({p});
  set_dense_gradient(p, uniform(p.shape(), 130));
  EXPECT_TRUE(contains(message_of<StateError>([&] { algorithm.update(); }), "override update_mask or plan"));
}

TEST(SparseParameter, SetMaskChangesThePattern) {
  const Parameter p = dense_parameter("w", {2, 3}, 21);
  const SparseParameter sparse("net.w", p);
  const Tensor before = p.dense();
  sparse.set_mask(golden::mask_from_string("101001", {2, 3}));
  EXPECT_EQ(mask_string(p), "101001");
  expect_equal(sparse.data(), test::select(before, sparse.mask()));
  EXPECT_TRUE(contains(message_of<ShapeError>([&] {
                         sparse.set_mask(Tensor::ones({3, 2}, DType::boolean));
                       }),
                       "net.w"));
  EXPECT_THROW(sparse.set_mask(Tensor()), ShapeError);
  EXPECT_THROW(sparse.set_mask(Tensor::ones({2, 3})), DTypeError);
  EXPECT_EQ(mask_string(p), "101001");
}

}  // namespace
}  // namespace gossamer::sparse::test_custom_algorithm
