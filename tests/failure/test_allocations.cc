// Every allocation fails in turn: the call is done or not done, nothing leaks, and the retry gives the same bits.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/gossamer.h"
#include "tests/failure/failing_new.h"
#include "tests/failure/world.h"

namespace gossamer::test::test_allocations {
namespace {

using Act = std::function<void(World&)>;

// `act` on a world after some steps of training, and after `prepare`.
std::function<Scene()> scene(
    const WorldOptions& options, const Act& act, const Act& prepare = [](World&) {}) {
  return [=] {
    auto world = std::make_shared<World>(options);
    prepare(*world);
    return Scene{[=] { act(*world); }, [=] { return world->digest(); }};
  };
}

std::vector<WorldOptions> worlds() {
  std::vector<WorldOptions> all;
  for (const std::string& algorithm : algorithm_names()) {
    for (const std::string& optimizer : optimizer_names()) {
      for (const Execution execution : {Execution::Csr, Execution::Dense}) {
        all.push_back({.algorithm = algorithm, .optimizer = optimizer, .execution = execution});
      }
    }
  }
  return all;
}

std::string name_of(const WorldOptions& options) {
  return options.algorithm + ", " + options.optimizer + ", way " + std::to_string(static_cast<int>(options.execution));
}

TEST(FailedAllocation, LeavesAStepThatChangesPatternsUndone) {
  for (const WorldOptions& options : worlds()) {
    SCOPED_TRACE(name_of(options));
    fail_every_allocation(scene(
        options, [](World& w) { w.optimizer->step(); }, [](World& w) { w.backward(3); }));
  }
}

TEST(FailedAllocation, LeavesAFirstStepUndone) {
  for (WorldOptions options : worlds()) {
    SCOPED_TRACE(name_of(options));
    options.steps = 0;
    fail_every_allocation(scene(
        options, [](World& w) { w.optimizer->step(); }, [](World& w) { w.backward(0); }));
  }
}

TEST(FailedAllocation, LeavesAStepWithDenseStatesAndWithFunctionsAfterItUndone) {
  for (const bool after : {false, true}) {
    fail_every_allocation(scene(
        {}, [](World& w) { w.optimizer->step(); },
        [=](World& w) {
          const Parameter p = w.model->parameters().front();
          w.optimizer->state(p)["exp_avg"].set_requires_dense();
          if (after) w.optimizer->after_step([](optim::Optimizer&) { std::vector<int>(100); });
          w.backward(3);
        }));
  }
}

TEST(FailedAllocation, LeavesForwardAndBackwardUndone) {
  for (const WorldOptions& options : worlds()) {
    SCOPED_TRACE(name_of(options));
    fail_every_allocation(scene(options, [](World& w) { w.loss(3); }));
    fail_every_allocation(scene(options, [](World& w) { w.backward(3); }));
    // On top of a gradient that is there.
    fail_every_allocation(scene(
        options, [](World& w) { w.backward(4); }, [](World& w) { w.backward(3); }));
  }
}

TEST(FailedAllocation, LeavesTheStatisticsOfBatchNormAlone) {
  fail_every_allocation([] {
    const auto layer = std::make_shared<nn::BatchNorm1d>(nn::BatchNormNdOptions{.channels = 3});
    const Tensor x = Tensor::from<float>({1, 2, 3, 5, 7, 11}, {2, 3});
    return Scene{[=] { (*layer)(x); },
                 [=] {
                   std::string digest;
                   for (const auto& [name, tensor] : layer->state_dict()) digest += bytes_of(tensor);
                   return digest;
                 }};
  });
}

TEST(FailedAllocation, InsideTasksComesOutOfTheCall) {
  // Large enough for several tasks of every kernel.
  for (const Execution execution : {Execution::Csr, Execution::Dense}) {
    const WorldOptions options{.execution = execution, .batch = 160, .width = 200, .steps = 1};
    const Act forward_backward = [](World& w) { w.backward(1); };
    const Act step = [](World& w) { w.optimizer->step(); };
    for (const auto& make : {scene(options, forward_backward), scene(options, step, forward_backward)}) {
      std::string after;
      const auto in_threads = [&](const Scene& s) { with_threads(2, s.act); };
      {
        const Scene s = make();
        in_threads(s);
        after = s.digest();
      }
      Scene s = make();
      const std::string before = s.digest();
      // Which allocation is the nth depends on the threads: the last of a run may come a few later or sooner.
      for (int64_t nth = 1, unbroken = 0; unbroken < 3; nth += 3) {
        bool threw = false;
        {
          const FailingNew failing(nth, Fails::Once);
          try {
            in_threads(s);
          } catch (const std::bad_alloc&) {
            threw = true;
          }
        }
        ASSERT_TRUE(s.digest() == (threw ? before : after)) << nth;
        if (threw) continue;
        if (!FailingNew::fired()) ++unbroken;
        s = make();
      }
    }
  }
}

TEST(FailedAllocation, LeavesMeetingsOfModelOptimizerAndAlgorithmUndone) {
  for (const std::string& algorithm : algorithm_names()) {
    SCOPED_TRACE(algorithm);
    struct Parts {
      Generator rng{7};
      WorldOptions options;
      std::unique_ptr<nn::Sequential> model;
      std::unique_ptr<optim::Optimizer> optimizer;
      std::shared_ptr<sparse::SparsityAlgorithm> sparsity;
      explicit Parts(const WorldOptions& o)
          : options(o),
            model(make_model(o, rng)),
            optimizer(make_optimizer("AdamW", model->parameters())),
            sparsity(make_algorithm(o)) {}
      std::string digest() const {
        std::string bytes = std::to_string(sparsity->num_sparse_params()) + bytes_of(sparsity->state_dict());
        for (const Parameter& p : model->parameters()) bytes += bytes_of(p);
        return bytes;
      }
      static std::string bytes_of(const StateDict& state) {
        std::string bytes;
        for (const auto& [name, tensor] : state) bytes += name + test::bytes_of(tensor);
        return bytes;
      }
      static std::string bytes_of(const Parameter& p) { return test::bytes_of(p); }
    };
    const auto parts = [&](bool applied, auto act) {
      return [=] {
        auto p = std::make_shared<Parts>(WorldOptions{.algorithm = algorithm});
        if (applied) p->model->apply(*p->sparsity);
        return Scene{[=] { act(*p); }, [=] { return p->digest(); }};
      };
    };
    fail_every_allocation(parts(false, [](Parts& p) { p.model->apply(*p.sparsity); }));
    fail_every_allocation(parts(true, [](Parts& p) { p.optimizer->apply(*p.sparsity); }));
    fail_every_allocation(parts(true, [](Parts& p) { p.sparsity->initialize(); }));
  }
}

TEST(FailedAllocation, LeavesChangesOfAPatternUndone) {
  const auto of_parameter = [](auto act) {
    return scene(
        {}, [=](World& w) { act(w.model->parameters().front()); }, [](World& w) { w.backward(3); });
  };
  const auto every_third = [](const Parameter& p) {
    std::vector<int64_t> positions;
    for (int64_t at = 0; at < p.numel(); at += 3) positions.push_back(at);
    const MatrixSize size = as_matrix(p.shape());
    return CsrPattern::from_positions(size.rows, size.cols, positions);
  };
  fail_every_allocation(of_parameter([=](const Parameter& p) { p.apply({every_third(p)}); }));
  fail_every_allocation(of_parameter([](const Parameter& p) { p.apply({CsrPattern::full(16, 12)}); }));
  fail_every_allocation(of_parameter([](const Parameter& p) { p.apply({p.pattern()}); }));
  fail_every_allocation(of_parameter([=](const Parameter& p) { p.assign(p.dense(), every_third(p)); }));
  fail_every_allocation(of_parameter([](const Parameter& p) { p.assign(p.dense(), nullptr); }));
  fail_every_allocation(of_parameter([=](const Parameter& p) {
    const auto pattern = every_third(p);
    p.assign_canonical(Tensor::ones({pattern->nnz()}), pattern);
  }));
  fail_every_allocation(of_parameter([](const Parameter& p) { p.assign(p.dense(), p.pattern()); }));
  fail_every_allocation(of_parameter([](const Parameter& p) { sparse::SparseParameter("w", p).set_mask(p.mask()); }));
  fail_every_allocation(of_parameter([=](const Parameter& p) {
    const auto half = p.pattern()->nnz() / 2;
    std::vector<int64_t> positions;
    p.pattern()->for_each([&](const SlotPosition& at) {
      if (static_cast<int64_t>(positions.size()) < half) positions.push_back(at.row * 12 + at.col);
    });
    p.set_forward_pattern(CsrPattern::from_positions(16, 12, positions));
  }));
  fail_every_allocation(scene({.algorithm = "Static"}, [](World& w) {
    const auto all = w.model->parameters();
    sparse::prune({all[0], all[2]}, sparse::magnitude_scores, {.sparsity = 0.8, .scope = sparse::PruneScope::Global});
  }));
  fail_every_allocation(
      scene({.algorithm = "TopKAST"}, [](World& w) { dynamic_cast<sparse::TopKAST&>(*w.sparsity).finish(); }));
}

TEST(FailedAllocation, LeavesStatesUndoneThatAreLoadedOverOthers) {
  for (const std::string& algorithm : algorithm_names()) {
    SCOPED_TRACE(algorithm);
    const WorldOptions options{.algorithm = algorithm};
    const World other(WorldOptions{.algorithm = algorithm, .steps = 4});
    const auto model = other.model->state_dict();
    const auto optimizer = other.optimizer->state_dict();
    const auto sparsity = other.sparsity->state_dict();
    const auto csr = other.model->state_dict({.form = SparseForm::Csr});
    fail_every_allocation(scene(options, [&](World& w) { w.model->load_state_dict(model); }));
    fail_every_allocation(scene(options, [&](World& w) { w.model->load_state_dict(csr); }));
    const Act with_model = [&](World& w) { w.model->load_state_dict(model); };
    fail_every_allocation(scene(
        options, [&](World& w) { w.optimizer->load_state_dict(optimizer); }, with_model));
    fail_every_allocation(scene(
        options, [&](World& w) { w.sparsity->load_state_dict(sparsity); }, with_model));
  }
}

TEST(FailedAllocation, LeavesClonesClippingRatesAndStatesUndone) {
  const Act backward = [](World& w) { w.backward(3); };
  for (const char* const algorithm : {"RigL", "TopKAST"}) {
    const WorldOptions options{.algorithm = algorithm};
    fail_every_allocation(scene(options, [](World& w) { w.model->clone(); }));
    fail_every_allocation(scene(options, [](World& w) { w.model->state_dict(); }));
    fail_every_allocation(scene(options, [](World& w) { w.model->state_dict({.form = SparseForm::Csr}); }));
    fail_every_allocation(scene(options, [](World& w) { nn::load_weights(*w.model, w.model->state_dict()); }));
    fail_every_allocation(scene(options, [](World& w) { w.optimizer->state_dict(); }));
    fail_every_allocation(scene(options, [](World& w) { w.sparsity->state_dict(); }));
    fail_every_allocation(scene(
        options, [](World& w) { optim::clip_grad_norm(w.model->parameters(), 0.01); }, backward));
    fail_every_allocation(scene(
        options, [](World& w) { optim::clip_grad_value(w.model->parameters(), 0.001); }, backward));
    fail_every_allocation(scene(options, [](World& w) {
      optim::LrScheduler scheduler(*w.optimizer,
                                   optim::lr::Exponential{.gamma = 0.5});  // the rate of step 0 is the base
      scheduler.step(*w.optimizer);
    }));
  }
  for (const bool dense : {true, false}) {
    fail_every_allocation(scene(
        {}, [=](World& w) { w.optimizer->state(w.model->parameters()[0])["exp_avg"].set_requires_dense(dense); },
        [=](World& w) { w.optimizer->state(w.model->parameters()[0])["exp_avg"].set_requires_dense(!dense); }));
  }
}

TEST(FailedAllocation, LeavesAveragesOfWeightsUndone) {
  struct Averaged {
    World world{{}};
    optim::ExponentialMovingAverage ema{world.model->parameters(), {.decay = 0.5}};
    std::string digest() const {
      std::string bytes = world.digest() + std::to_string(ema.num_updates()) + std::to_string(ema.bytes());
      for (const Parameter& p : ema.params()) bytes += bytes_of(ema.average(p));
      return bytes;
    }
  };
  const auto averaged = [](const std::function<void(Averaged&)>& act) {
    return [=] {
      auto a = std::make_shared<Averaged>();
      a->world.backward(3);
      return Scene{[=] { act(*a); }, [=] { return a->digest(); }};
    };
  };
  const std::function<void(Averaged&)> acts[] = {
      [](Averaged& a) { a.world.optimizer->step(); },  // changes patterns, which the averages follow
      [](Averaged& a) { (void)a.ema.state_dict(); },
      [](Averaged& a) { a.ema.load_state_dict(a.ema.state_dict()); },
      [](Averaged& a) { optim::ExponentialMovingAverage(a.world.model->parameters()); },
  };
  for (const auto& act : acts) fail_every_allocation(averaged(act));

  Averaged a;
  const FailingNew failing(1, Fails::FromThenOn);
  a.ema.update();
  a.ema.swap();
}

TEST(FailedAllocation, LeavesGroupsAndTheirHooksUndone) {
  fail_every_allocation([] {
    struct Parts {
      sparse::Group group{{"a*", sparse::Static(0.5)}, {"b*", sparse::Static(0.5)}};
      sparse::Group other{{"c*", sparse::Static(0.5)}, {"d*", sparse::Static(0.5)}};
      int calls = 0;
    };
    auto parts = std::make_shared<Parts>();
    return Scene{[=] { parts->group.extend(std::move(parts->other)); },
                 [=] { return std::to_string(parts->group.size()) + ", " + std::to_string(parts->other.size()); }};
  });
  fail_every_allocation([] {
    struct Parts {
      std::vector<Parameter> weights{Parameter(Tensor::ones({4, 4}), "a"), Parameter(Tensor::ones({4, 4}), "b")};
      sparse::Group group{{"a", sparse::Static(0.5)}, {"b", sparse::Static(0.5)}};
      int calls = 0;
    };
    auto parts = std::make_shared<Parts>();
    parts->group.apply(parts->weights);
    return Scene{[=] {
                   const std::string long_name(100, 'x');
                   parts->group.register_target_sparsity_hook(
                       [p = parts.get(), long_name](const sparse::SparsityAlgorithm&, const std::string&, float) {
                         ++p->calls;
                       });
                 },
                 [=] {
                   parts->calls = 0;
                   parts->group.update();
                   return std::to_string(parts->calls);
                 }};
  });
}

TEST(FailedAllocation, LeavesRecordsOfExplorationUndone) {
  fail_every_allocation([] {
    struct Parts {
      World world{WorldOptions{}};
      Parameter weight = world.model->parameters()[0];
      sparse::InTimeOverParameterization itop{{weight}};
    };
    auto parts = std::make_shared<Parts>();
    parts->world.train(3);
    const double before = parts->itop.num_explored(parts->weight);
    return Scene{[=] { parts->itop.record(); },
                 // Positions may be noted early: they have been alive.
                 [=] { return parts->itop.num_explored(parts->weight) >= before ? "records" : "loses"; }};
  });
}

TEST(FailedAllocation, LeavesObserversOfInputsUndone) {
  fail_every_allocation(scene({.algorithm = "Static"}, [](World& w) {
    const std::vector<Parameter> all = w.model->parameters();
    const sparse::InputNorms norms({all[0], all[2]});
    w.loss(5);
    norms.norms(all[0]);
  }));
}

// ---- Data ----

struct Data {
  std::shared_ptr<data::TensorDataset> dataset;
  data::DataLoader loader;
  Data(int64_t prefetch, int64_t workers)
      : dataset(std::make_shared<data::TensorDataset>(uniform_images(), Tensor::zeros({20}, DType::i64))),
        loader(dataset, {.batch_size = 8, .seed = 3, .prefetch = prefetch, .workers = workers}) {}
  static Tensor uniform_images() {
    Tensor x = Tensor::empty({20, 6});
    fill_uniform(x, 11, -1, 1);
    return x;
  }
};

TEST(FailedAllocation, LeavesTheEpochOfALoaderToBeBegunAgain) {
  struct Ahead {
    int64_t prefetch, workers;
  };
  for (const Ahead& ahead : {Ahead{0, 1}, Ahead{2, 1}, Ahead{1, 3}}) {
    fail_every_allocation([=] {
      auto data = std::make_shared<Data>(ahead.prefetch, ahead.workers);
      auto seen = std::make_shared<std::string>();
      return Scene{[=] {
                     data->loader.set_epoch(4);
                     std::string batches;
                     try {
                       for (const data::Batch& batch : data->loader) batches += bytes_of(batch.x) + bytes_of(batch.y);
                     } catch (...) {
                       data->loader.set_epoch(0);
                       throw;
                     }
                     data->loader.set_epoch(0);
                     *seen = batches;
                   },
                   [=] { return *seen + std::to_string(data->loader.epoch()); }};
    });
  }
}

// ---- What lives on ----

TEST(LiveAllocations, AreTheSameAfterManyOptimizersOfOneModel) {
  World world({});
  const auto train_with_another = [&] {
    optim::AdamW optimizer(world.model->parameters(), {.lr = 0.01});
    optimizer.zero_grad();
    world.backward(3);
    optimizer.step();
  };
  train_with_another();
  const int64_t live = live_allocations();
  for (int i = 0; i < 20; ++i) train_with_another();
  EXPECT_EQ(live_allocations(), live);
}

TEST(LiveAllocations, AreTheSameAfterManyAlgorithmsOfOneOptimizer) {
  Generator rng(1);
  nn::Linear layer({.in = 8, .out = 4}, rng);
  optim::SGD optimizer(layer.parameters(), {.lr = 0.1});
  const auto apply_another = [&] {
    sparse::SET algorithm({.sparsity = 0.5});
    algorithm.apply({layer.weight()});
    optimizer.apply(algorithm);
  };
  apply_another();
  const int64_t live = live_allocations();
  for (int i = 0; i < 20; ++i) apply_another();
  EXPECT_EQ(live_allocations(), live);
}

}  // namespace
}  // namespace gossamer::test::test_allocations
