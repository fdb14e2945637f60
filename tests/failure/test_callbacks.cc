// Every callback of the application throws in turn: its exception comes out, and the call is not done.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/gossamer.h"
#include "parameter/access.h"
#include "tests/failure/failing_new.h"
#include "tests/failure/world.h"
#include "tests/support/errors.h"

namespace gossamer::test::test_callbacks {
namespace {

TEST(ThrowingCallback, OfAnAlgorithmLeavesStepsUndone) {
  for (const std::string& algorithm : algorithm_names()) {
    for (const int steps : {2, 3}) {
      SCOPED_TRACE(algorithm + " after " + std::to_string(steps) + " steps");
      fail_every_callback(scene(
          {.algorithm = algorithm, .steps = steps, .callbacks = true}, [](World& w) { w.optimizer->step(); },
          [](World& w) { w.backward(3); }));
    }
  }
}

TEST(ThrowingCallback, OfAnAlgorithmLeavesItsOwnUpdateUndone) {
  for (const std::string& algorithm : algorithm_names()) {
    if (algorithm == "Shifts") continue;  // as careful as it is written
    SCOPED_TRACE(algorithm);
    fail_every_callback(scene(
        {.algorithm = algorithm, .callbacks = true}, [](World& w) { w.sparsity->update(w.optimizer.get()); },
        [](World& w) { w.backward(3); }));
  }
}

TEST(ThrowingCallback, OfAnAlgorithmLeavesItsMeetingWithAModelUndone) {
  for (const std::string& algorithm : algorithm_names()) {
    if (algorithm == "Shifts") continue;  // without a callback before the first step
    SCOPED_TRACE(algorithm);
    fail_every_callback([&] {
      struct Parts {
        Generator rng{7};
        std::unique_ptr<nn::Sequential> model;
        std::shared_ptr<sparse::SparsityAlgorithm> sparsity;
      };
      auto parts = std::make_shared<Parts>();
      parts->model = make_model({}, parts->rng);
      parts->sparsity = make_algorithm({.algorithm = algorithm, .callbacks = true});
      return Scene{[=] { parts->model->apply(*parts->sparsity); },
                   [=] {
                     std::string bytes = std::to_string(parts->sparsity->num_sparse_params());
                     for (const Parameter& p : parts->model->parameters()) bytes += bytes_of(p);
                     return bytes;
                   }};
    });
  }
}

TEST(ThrowingCallback, AfterAStepUndoesIt) {
  for (const std::string& algorithm : algorithm_names()) {
    SCOPED_TRACE(algorithm);
    fail_every_callback(scene(
        {.algorithm = algorithm}, [](World& w) { w.optimizer->step(); },
        [](World& w) {
          w.optimizer->after_step([](optim::Optimizer&) { callback(); });
          w.backward(3);
        }));
  }
}

// A rule that throws when it has written half of what it writes.
struct CarelessOptions {
  double lr = 0.1;
  bool skip_nonfinite = false;
};
struct CarelessRule {
  using Options = CarelessOptions;
  static constexpr std::string_view kName = "Careless";
  static void check(const Options&) {}
  static std::vector<std::string> state_names(const Options&) { return {"sum"}; }
  static void update(const Options& options, optim::ParameterUpdate& u) {
    for (int64_t i = 0; i < u.values.numel(); ++i) {
      if (i == 1) callback();
      float& sum = u.states[0].mutable_data<float>()[i];
      sum += u.grad.data<float>()[i];
      u.values.mutable_data<float>()[i] -= static_cast<float>(options.lr) * sum;
    }
  }
};

TEST(ThrowingCallback, ThatIsARuleLeavesEveryParameterAndStateAsItWas) {
  for (const bool dense_state : {false, true}) {
    fail_every_callback(scene(
        {}, [](World& w) { w.optimizer->step(); },
        [=](World& w) {
          w.optimizer = std::make_unique<optim::RuleOptimizer<CarelessRule>>(w.model->parameters());
          w.optimizer->apply(*w.sparsity);
          w.train(5);
          if (dense_state) w.optimizer->state(w.model->parameters()[0])["sum"].set_requires_dense();
          w.backward(3);
        }));
  }
}

TEST(ThrowingCallback, ThatIsAnObserverComesOutOfTheProduct) {
  fail_every_callback(scene(
      {}, [](World& w) { w.backward(3); },
      [](World& w) { ParameterAccess::observe_inputs(w.model->parameters()[2], [](const Tensor&) { callback(); }); }));
}

// Passes its input on, and throws on the way back.
Tensor fragile(const Tensor& x) {
  struct FragileNode final : Node {
    Gradients backward(const Tensor& grad) override {
      callback();
      return {grad};
    }
  };
  return record<FragileNode>("fragile", x.detach().clone(), {x});
}

TEST(ThrowingCallback, ThatIsANodeLeavesGradientsAndWhatGrowthRetainsAsTheyWere) {
  for (const char* const algorithm : {"RigL", "SNFS"}) {
    fail_every_callback(scene({.algorithm = algorithm}, [](World& w) {
      // The second layer's backward has run when the node throws.
      Tensor x = Tensor::empty({4, 12});
      fill_uniform(x, 5, -1, 1);
      const std::vector<Parameter> p = w.model->parameters();
      const Tensor hidden = fragile(linear(x, p[0], p[1]));
      sum(linear(hidden, p[2], p[3])).backward();
    }));
  }
}

class FragileDataset final : public data::Dataset {
 public:
  int64_t size() const override { return 12; }
  data::Batch gather(std::span<const int64_t> indices) const override {
    callback();
    const auto n = static_cast<int64_t>(indices.size());
    return {Tensor::full({n, 2}, static_cast<double>(indices[0])), Tensor::zeros({n}, DType::i64)};
  }
};

TEST(ThrowingCallback, ThatIsADataSetLeavesTheEpochToBeBegunAgain) {
  for (const int64_t prefetch : {0, 2}) {
    fail_every_callback([=] {
      struct Data {
        data::DataLoader loader;
        std::string seen;
      };
      auto data = std::make_shared<Data>(
          Data{data::DataLoader(std::make_shared<FragileDataset>(), {.batch_size = 4, .prefetch = prefetch}), ""});
      return Scene{[=] {
                     data->loader.set_epoch(3);
                     std::string batches;
                     for (const data::Batch& batch : data->loader) batches += bytes_of(batch.x);
                     data->seen = batches;
                   },
                   [=] { return data->seen; }};
    });
  }
}

TEST(ThrowingCallback, OfTheLogChangesNothingOfWhatItIsToldOf) {
  // At a first pattern, and in the middle of a step: a parameter is left without a connection.
  const auto run = [](bool throws) {
    set_log_callback([=](LogLevel, std::string_view) {
      if (throws) throw Refusal();
    });
    const Parameter weight(Tensor::ones({4, 4}), "w");
    sparse::Static sparsity({.sparsity = 0.99});
    sparsity.apply({weight});
    const Parameter other(Tensor::ones({4, 4}), "w");
    optim::SGD optimizer({other}, {.lr = 0.1});
    sparse::GMP gmp({.sparsity = sparse::Linear{.init = 0.0, .slope = 0.99}});
    gmp.apply({other});
    optimizer.apply(gmp);
    other.values().set_grad(Tensor::ones({16}));
    optimizer.step();
    set_log_callback({});
    return bytes_of(weight) + bytes_of(other);
  };
  EXPECT_TRUE(run(true) == run(false));
}

// ---- Callbacks that do more than they may ----

TEST(Callback, ThatChangesAPatternWhileAStepIsPlannedIsAStateErrorAndTheStepUndone) {
  World world({.algorithm = "RigL"});
  world.backward(3);
  const Parameter p = world.model->parameters()[0];
  bool change = true;
  world.sparsity->register_target_sparsity_hook([&](const sparse::SparsityAlgorithm&, const std::string&, float) {
    if (change) p.apply({CsrPattern::full(16, 12)});
  });
  EXPECT_THROW(world.optimizer->step(), StateError);
  change = false;
  p.validate();
  EXPECT_EQ(p.nnz(), 16 * 12);
  world.train(4);
}

TEST(Callback, ThatTakesAStepWithinAStepIsAStateError) {
  World world({.algorithm = "RigL"});
  world.backward(3);
  auto handle = world.sparsity->register_target_sparsity_hook(
      [&](const sparse::SparsityAlgorithm&, const std::string&, float) { world.optimizer->step(); });
  const std::string before = world.digest();
  EXPECT_THROW(world.optimizer->step(), StateError);
  EXPECT_TRUE(world.digest() == before);
  handle.remove();
  world.optimizer->step();
}

TEST(Callback, ThatTouchesStatesWhileAStepIsPlannedFindsThemMoved) {
  World world({.algorithm = "RigL", .steps = 0});
  world.backward(0);
  const Parameter p = world.model->parameters()[0];
  Tensor held;
  world.sparsity->register_target_sparsity_hook([&](const sparse::SparsityAlgorithm&, const std::string&, float) {
    held = world.optimizer->state(p)["exp_avg"];
  });
  for (uint64_t step = 0; step < 4; ++step) world.train(step);
  p.validate();
  EXPECT_EQ(world.optimizer->state(p)["exp_avg"].tensor().numel(), p.nnz());
}

// ---- Steps that an algorithm refuses ----

TEST(RefusedStep, ForAScheduleThatGivesNaNLeavesWeightsStatesAndCountersAsTheyWere) {
  for (const bool drop_fraction : {false, true}) {
    bool nan = false;
    const Schedule schedule = sparse::Lambda{[&](int64_t) { return nan ? std::nan("") : 0.5; }};
    Generator rng(1);
    nn::Linear layer({.in = 8, .out = 4}, rng);
    optim::AdamW optimizer(layer.parameters(), {.lr = 0.1});
    sparse::SET algorithm({.sparsity = drop_fraction ? sparse::Sparsity(0.5) : sparse::Sparsity(schedule),
                           .drop_fraction = drop_fraction ? schedule : Schedule(0.3)});
    algorithm.apply({layer.weight()});
    optimizer.apply(algorithm);
    sum(layer(Tensor::ones({2, 8}))).backward();
    optimizer.step();
    const auto all = [&] {
      std::string bytes;
      for (const Parameter& p : layer.parameters()) {
        bytes += bytes_of(p) + bytes_of(optimizer.state(p)["exp_avg"].tensor());
        bytes += std::to_string(optimizer.state(p).step());
      }
      return bytes + bytes_of(algorithm.state_dict().at("optimizers.0.step"));
    };
    nan = true;
    const std::string before = all();
    EXPECT_THROW(optimizer.step(), ConfigError);
    EXPECT_TRUE(all() == before);
    nan = false;
    optimizer.step();
    EXPECT_FALSE(all() == before);
  }
}

TEST(RefusedStep, AfterARewrittenInputLeavesAllAsItWasAndFollowsItsRemedy) {
  World world({});
  const Parameter p = world.model->parameters()[0];
  Tensor x = Tensor::ones({4, 12});
  linear(x, p).backward(Tensor::ones({4, 16}));
  x.fill(2);
  const std::string values = bytes_of(p.values());
  const std::string message = message_of<StateError>([&] { world.optimizer->step(); });
  EXPECT_NE(message.find("call zero_grad() and run backward again"), std::string::npos) << message;
  EXPECT_TRUE(bytes_of(p.values()) == values);
  world.optimizer->zero_grad();
  linear(x, p).backward(Tensor::ones({4, 16}));
  world.optimizer->step();
  EXPECT_FALSE(bytes_of(p.values()) == values);
}

TEST(Callback, ThatIsAnObserverMayEndItself) {
  const Parameter p(Tensor::ones({3, 4}), "w");
  int calls = 0;
  ParameterAccess::observe_inputs(p, [&, big = std::string(200, 'x')](const Tensor&) {
    ParameterAccess::observe_inputs(p, {});
    calls += static_cast<int>(big.size()) / 200;
  });
  linear(Tensor::ones({2, 4}), p);
  linear(Tensor::ones({2, 4}), p);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace gossamer::test::test_callbacks
