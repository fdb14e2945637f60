// Whole sequences of masks, weights and momentum of one parameter, against the reference vectors: the gradients are
// given, so no network is needed.
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gossamer/optim/sgd.h"
#include "gossamer/parameter.h"
#include "parameter/access.h"
#include "tests/sparse/reference.h"
#include "tests/sparse/support.h"
#include "tests/support/golden.h"

namespace gossamer::sparse::test_reference_sequences {
namespace {

using golden::expect_close;
using golden::Json;
using golden::tensor_from_values;
using test::densify;
using test::mask_string;
using test::set_dense_gradient;

class ReferenceSequence : public testing::TestWithParam<Json> {};

TEST_P(ReferenceSequence, MasksWeightsAndMomentumAreEqual) {
  const Json& in = GetParam().at("in");
  const Json& out = GetParam().at("out");
  const Shape shape = golden::shape_from_json(in.at("shape"));
  const Json& steps = out.at("steps");

  Json config = in.at("config");
  if (!in.at("drop_fraction_re_evaluated_each_step")) {
    // Recorded with a fault of the reference: it cached the fraction of the first step for good.
    const Json& drop = config.at("drop_fraction");
    config["drop_fraction"] = drop.at("init").get<double>() + drop.at("slope").get<double>();
  }
  const auto growth_scores = [&](const SparseParameter&, int64_t step) {
    return tensor_from_values(steps.at(static_cast<size_t>(step - 1)).at("rand_score"), shape);
  };
  const auto algorithm = test::algorithm_from(
      config, test::init_by_scores(config, {{"w", tensor_from_values(in.at("init_score"), shape)}}), growth_scores);
  const Parameter p(tensor_from_values(in.at("weight0"), shape), "w");
  const double momentum = in.at("sgd_momentum");
  optim::SGD optimizer({p}, {.lr = in.at("lr"), .momentum = momentum});
  algorithm->apply(std::vector<Parameter>{p});
  algorithm->apply(optimizer);
  ASSERT_EQ(mask_string(p), out.at("mask0").get<std::string>());

  for (size_t i = 0; i < steps.size(); ++i) {
    const Json& step = steps[i];
    const bool all_finite = !in.contains("all_finite") || in.at("all_finite").at(i);
    SCOPED_TRACE(testing::Message() << "step " << i + 1);
    set_dense_gradient(p, tensor_from_values(step.at("grad"), shape));
    if (!all_finite) {
      // The vector only says that some gradient was not finite: here it is one that growth alone sees.
      ParameterAccess::tap(p).add_dense(Tensor::full(shape, std::numeric_limits<double>::quiet_NaN()));
    }
    optimizer.step();
    EXPECT_EQ(p.nnz(), step.at("nnz").get<int64_t>());
    // Where absent connections tie, PyTorch grows one and we another, and from there on only counts can be compared.
    if (i >= in.value("ties_from_step_index", steps.size())) continue;
    ASSERT_EQ(mask_string(p), step.at("mask").get<std::string>());
    expect_close(p.dense(), tensor_from_values(step.at("weight"), shape));
    if (momentum > 0) {
      expect_close(densify(p, optimizer.state(p)["momentum_buffer"].tensor()),
                   tensor_from_values(step.at("momentum"), shape));
    }
  }
}

std::vector<Json> sequences() {
  std::vector<Json> cases;
  const Json file = golden::load("cstorch_sparse.json");
  for (const Json& test_case : file.at("cases")) {
    if (test_case.at("kind") == "e2e") cases.push_back(test_case);
  }
  return cases;
}

TEST(ReferenceSequences, AreAllCompared) { EXPECT_EQ(sequences().size(), 14U); }

INSTANTIATE_TEST_SUITE_P(Cstorch, ReferenceSequence, testing::ValuesIn(sequences()),
                         [](const auto& test) { return test.param.at("in").at("name").template get<std::string>(); });

}  // namespace
}  // namespace gossamer::sparse::test_reference_sequences
