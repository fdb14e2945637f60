// Twenty steps of every rule against trajectories of torch.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/optim/adadelta.h"
#include "gossamer/optim/adagrad.h"
#include "gossamer/optim/adam.h"
#include "gossamer/optim/adamax.h"
#include "gossamer/optim/asgd.h"
#include "gossamer/optim/clip.h"
#include "gossamer/optim/nadam.h"
#include "gossamer/optim/optimizer.h"
#include "gossamer/optim/radam.h"
#include "gossamer/optim/rmsprop.h"
#include "gossamer/optim/rprop.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/parameter.h"
#include "tests/support/golden.h"

namespace gossamer::optim::test_trajectories {
namespace {

using golden::Json;

// Options of the Adam family from their torch names.
template <class Options>
Options adam_options(const Json& hyper) {
  Options options{.lr = hyper.at("lr")};
  if (hyper.contains("betas")) {
    options.beta1 = hyper["betas"][0];
    options.beta2 = hyper["betas"][1];
  }
  options.eps = hyper.value("eps", options.eps);
  options.weight_decay = hyper.value("weight_decay", options.weight_decay);
  options.amsgrad = hyper.value("amsgrad", options.amsgrad);
  options.maximize = hyper.value("maximize", options.maximize);
  return options;
}

SgdOptions sgd_options(const Json& hyper) {
  return {.lr = hyper.at("lr"),
          .momentum = hyper.value("momentum", 0.0),
          .dampening = hyper.value("dampening", 0.0),
          .weight_decay = hyper.value("weight_decay", 0.0),
          .nesterov = hyper.value("nesterov", false),
          .maximize = hyper.value("maximize", false)};
}

RmspropOptions rmsprop_options(const Json& hyper) {
  const RmspropOptions defaults;
  return {.lr = hyper.at("lr"),
          .alpha = hyper.value("alpha", defaults.alpha),
          .eps = hyper.value("eps", defaults.eps),
          .weight_decay = hyper.value("weight_decay", 0.0),
          .momentum = hyper.value("momentum", 0.0),
          .centered = hyper.value("centered", false)};
}

AdagradOptions adagrad_options(const Json& hyper) {
  return {.lr = hyper.at("lr"),
          .lr_decay = hyper.value("lr_decay", 0.0),
          .weight_decay = hyper.value("weight_decay", 0.0),
          .initial_accumulator_value = hyper.value("initial_accumulator_value", 0.0)};
}

std::unique_ptr<Optimizer> make_optimizer(const Json& c, const Parameter& p) {
  const std::string rule = c.at("opt");
  const Json& hyper = c.at("hyper");
  const std::vector<Parameter> params = {p};
  if (rule == "SGD") return std::make_unique<SGD>(params, sgd_options(hyper));
  if (rule == "Adam") return std::make_unique<Adam>(params, adam_options<AdamOptions>(hyper));
  if (rule == "AdamW") return std::make_unique<AdamW>(params, adam_options<AdamWOptions>(hyper));
  if (rule == "RMSprop") return std::make_unique<RMSprop>(params, rmsprop_options(hyper));
  if (rule == "Adagrad") return std::make_unique<Adagrad>(params, adagrad_options(hyper));
  if (rule == "Adadelta") return std::make_unique<Adadelta>(params, AdadeltaOptions{.lr = hyper.at("lr")});
  if (rule == "Adamax") return std::make_unique<Adamax>(params, AdamaxOptions{.lr = hyper.at("lr")});
  if (rule == "NAdam") return std::make_unique<NAdam>(params, NAdamOptions{.lr = hyper.at("lr")});
  if (rule == "RAdam") return std::make_unique<RAdam>(params, RAdamOptions{.lr = hyper.at("lr")});
  if (rule == "ASGD") return std::make_unique<ASGD>(params, AsgdOptions{.lr = hyper.at("lr")});
  if (rule == "Rprop") return std::make_unique<Rprop>(params, RpropOptions{.lr = hyper.at("lr")});
  throw std::out_of_range(rule);
}

// The vectors hold decimals of binary32 numbers, inputs included: through f32 they are exact in f64.
Tensor vector_of(const Json& numbers, DType dtype) {
  return golden::tensor_from_values(numbers, {static_cast<int64_t>(numbers.size())}).to(dtype);
}

struct Tolerance {
  double rtol;
  double atol;
};

// Where the gradients and trajectories of a case go: into the elements of a dense vector, or the nonzeros of a matrix.
struct Layout {
  std::shared_ptr<const CsrPattern> pattern;  // null when dense

  Parameter make(const Tensor& w0) const {
    return pattern ? Parameter::csr({3, 4}, pattern, pattern->from_canonical(w0)) : Parameter(w0.clone());
  }
  Tensor to_slots(const Tensor& x) const { return pattern ? pattern->from_canonical(x) : x; }
  Tensor from_slots(const Tensor& x) const { return pattern ? pattern->to_canonical(x) : x; }
};

void follow(const Json& c, const Layout& layout, DType dtype, Tolerance tolerance) {
  SCOPED_TRACE(c.at("id").get<std::string>());
  const Parameter p = layout.make(vector_of(c["w0"], dtype));
  const std::unique_ptr<Optimizer> optimizer = make_optimizer(c, p);
  for (size_t i = 0; i < c.at("grads").size(); ++i) {
    SCOPED_TRACE("step " + std::to_string(i));
    p.values().set_grad(layout.to_slots(vector_of(c["grads"][i], dtype)));
    if (c.contains("clip_grad_norm")) clip_grad_norm({p}, c["clip_grad_norm"]);
    optimizer->step();
    golden::expect_close(layout.from_slots(p.values()), vector_of(c["w"][i], dtype), tolerance.rtol, tolerance.atol);
    if (testing::Test::HasFailure()) return;
  }
  for (const auto& [name, expected] : c.at("final_state").items()) {
    if (name == "mu_product" || name == "eta" || name == "mu") continue;  // follows from the step
    SCOPED_TRACE(name);
    if (name == "step") {
      EXPECT_EQ(optimizer->state(p).step(), (expected.is_array() ? expected[0] : expected).get<int64_t>());
    } else if (expected.is_null()) {
      EXPECT_TRUE(optimizer->state(p).names().empty());
    } else {
      golden::expect_close(layout.from_slots(optimizer->state(p)[name]), vector_of(expected, dtype), tolerance.rtol,
                           tolerance.atol);
    }
  }
}

void follow_all(const Layout& layout, DType dtype, Tolerance tolerance) {
  const Json file = golden::load("torch_optim.json");
  for (const Json& c : file.at("cases")) follow(c, layout, dtype, tolerance);
}

const Layout kDense{nullptr};

Layout six_of_twelve() { return {CsrPattern::from_positions(3, 4, std::vector<int64_t>{0, 3, 4, 5, 9, 10})}; }

TEST(Trajectories, Float32EqualsTorch) { follow_all(kDense, DType::f32, {2e-5, 2e-6}); }

TEST(Trajectories, Float64EqualsTorchToTheRoundingOfTheVectors) { follow_all(kDense, DType::f64, {1e-7, 1e-8}); }

TEST(Trajectories, TheNonzerosOfACsrParameterFollowTheSameRule) {
  follow_all(six_of_twelve(), DType::f32, {2e-5, 2e-6});
  follow_all(six_of_twelve(), DType::f64, {1e-7, 1e-8});
}

}  // namespace
}  // namespace gossamer::optim::test_trajectories
