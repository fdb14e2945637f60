#include "tests/failure/world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <new>
#include <utility>

#include "parameter/access.h"
#include "tests/failure/failing_new.h"

namespace gossamer::test {

namespace {

using sparse::Group;
using sparse::SparsityAlgorithm;

// A custom algorithm as the guide of the original writes them: it overrides update() and sets masks.
class Shifts final : public SparsityAlgorithm {
 public:
  Shifts() : SparsityAlgorithm("Shifts", {.sparsity = 0.5, .seed = 5}) {}

  void update(optim::Optimizer* optimizer) override {
    for (const sparse::SparseParameter& p : sparse_params()) {
      const Tensor before = p.mask();
      Tensor mask = Tensor::empty(before.shape(), DType::boolean);
      const int64_t n = mask.numel();
      bool* const bits = mask.mutable_data<bool>();
      for (int64_t i = 0; i < n; ++i) bits[i] = before.data<bool>()[(i + 1) % n];
      callback();
      p.set_mask(mask);
    }
    SparsityAlgorithm::update(optimizer);
    callback();
  }
};

sparse::UpdateSchedule every_other(const WorldOptions& options) {
  if (!options.callbacks) return {.freq = 2};
  return {.fn = [](int64_t step) {
    callback();
    return step % 2 == 0;
  }};
}

Schedule sparsity_of(const WorldOptions& options, double start) {
  if (!options.callbacks) return sparse::Linear{.init = start, .slope = 0.02};
  return sparse::Lambda{[start](int64_t step) {
    callback();
    return start + 0.02 * static_cast<double>(step);
  }};
}

sparse::InitMethod init_of(const WorldOptions& options) {
  if (!options.callbacks) return sparse::random;
  return [](const sparse::InitContext& context) {
    callback();
    return sparse::random(context);
  };
}

sparse::ParameterFilter filter_of(const WorldOptions& options, const std::string& name) {
  if (!options.callbacks) return name;
  return [name](const std::string& given, const Parameter&) {
    callback();
    return given == name;
  };
}

std::shared_ptr<SparsityAlgorithm> make_algorithm(const std::string& name, const WorldOptions& options);

template <class A, class O>
std::shared_ptr<SparsityAlgorithm> make(O options) {
  return std::make_shared<A>(std::move(options));
}

using Make = std::function<std::shared_ptr<SparsityAlgorithm>(const WorldOptions&)>;

const std::vector<std::pair<std::string, Make>>& algorithms() {
  using namespace sparse;
  static const auto* const table = new std::vector<std::pair<std::string, Make>>{
      {"Static",
       [](const WorldOptions& o) { return make<Static>(StaticOptions{.sparsity = 0.5, .init_method = init_of(o)}); }},
      {"GMP",
       [](const WorldOptions& o) {
         return make<GMP>(
             GMPOptions{.sparsity = sparsity_of(o, 0.4), .update = every_other(o), .init_method = init_of(o)});
       }},
      {"SET",
       [](const WorldOptions& o) {
         SETOptions options{.sparsity = 0.5,
                            .drop_fraction = sparsity_of(o, 0.3),
                            .update = every_other(o),
                            .init_method = init_of(o)};
         if (o.callbacks) {
           options.growth_scores = [](const SparseParameter& p, int64_t step) {
             callback();
             Tensor scores = Tensor::empty(p.param().shape());
             fill_uniform(scores, static_cast<uint64_t>(step), 0, 1);
             return scores;
           };
         }
         return make<SET>(std::move(options));
       }},
      {"RigL",
       [](const WorldOptions& o) {
         return make<RigL>(RigLOptions{.sparsity = 0.5,
                                       .drop_fraction = sparsity_of(o, 0.3),
                                       .update = every_other(o),
                                       .init_method = init_of(o)});
       }},
      {"RigL with candidates",
       [](const WorldOptions& o) {
         return make<RigL>(
             RigLOptions{.sparsity = 0.5, .update = every_other(o), .candidates = 0.5, .init_method = init_of(o)});
       }},
      {"GraNet",
       [](const WorldOptions& o) {
         return make<GraNet>(
             GraNetOptions{.sparsity = sparsity_of(o, 0.3), .update = every_other(o), .init_method = init_of(o)});
       }},
      {"SNFS",
       [](const WorldOptions& o) {
         return make<SNFS>(
             SNFSOptions{.sparsity = 0.5, .update = every_other(o), .window = 2, .init_method = init_of(o)});
       }},
      {"TopKAST",
       [](const WorldOptions& o) {
         return make<TopKAST>(TopKASTOptions{
             .sparsity = 0.4, .forward_sparsity = 0.7, .update = every_other(o), .init_method = init_of(o)});
       }},
      {"GlobalPruning",
       [](const WorldOptions& o) {
         GlobalPruningOptions options{
             .sparsity = sparsity_of(o, 0.3), .update = every_other(o), .init_method = init_of(o)};
         if (o.callbacks) {
           options.scores = [](const Parameter& p) {
             callback();
             return magnitude_scores(p);
           };
         }
         return make<GlobalPruning>(std::move(options));
       }},
      {"Group",
       [](const WorldOptions& o) {
         auto group = std::make_shared<Group>();
         group->add({filter_of(o, "fc1.weight"), make_algorithm("RigL", o)});
         group->add({filter_of(o, "fc2.weight"), make_algorithm("SET", o)});
         return group;
       }},
      {"Shifts", [](const WorldOptions&) { return std::make_shared<Shifts>(); }},
      {"GroupOfShifts",
       [](const WorldOptions& o) {
         auto group = std::make_shared<Group>();
         group->add({filter_of(o, "fc1.weight"), make_algorithm("RigL", o)});
         group->add({filter_of(o, "fc2.weight"), std::make_shared<Shifts>()});
         return group;
       }},
  };
  return *table;
}

std::shared_ptr<SparsityAlgorithm> make_algorithm(const std::string& name, const WorldOptions& options) {
  const auto found = std::ranges::find(algorithms(), name, &std::pair<std::string, Make>::first);
  return found->second(options);
}

void append(std::string& to, const void* bytes, size_t size) { to.append(static_cast<const char*>(bytes), size); }

template <class Map>
std::string bytes_of_all(const Map& tensors) {
  std::string all;
  for (const auto& [name, tensor] : tensors) all += name + "=" + bytes_of(tensor) + ";";
  return all;
}

}  // namespace

std::string bytes_of(const Tensor& tensor) {
  if (!tensor.defined()) return "-";
  std::string bytes = tensor.shape().to_string() + std::string(dtype_name(tensor.dtype()));
  const auto add = [&]<class T>() { append(bytes, tensor.data<T>(), static_cast<size_t>(tensor.bytes())); };
  switch (tensor.dtype()) {
    case DType::f32:
      add.operator()<float>();
      break;
    case DType::f64:
      add.operator()<double>();
      break;
    case DType::i64:
      add.operator()<int64_t>();
      break;
    case DType::i32:
      add.operator()<int32_t>();
      break;
    case DType::boolean:
      add.operator()<bool>();
      break;
  }
  return bytes;
}

std::string bytes_of(const Parameter& p) {
  p.validate();
  std::string bytes = p.name() + (p.requires_grad() ? "+" : "-");
  for (const auto& pattern : {p.pattern(), p.forward_pattern()}) {
    if (!pattern) {
      bytes += "dense";
      continue;
    }
    const Csr csr = pattern->csr();
    append(bytes, csr.row_ptr.data(), csr.row_ptr.size() * sizeof(int64_t));
    append(bytes, csr.col_idx.data(), csr.col_idx.size() * sizeof(int32_t));
  }
  const ChangeCounts& change = p.last_change();
  for (const int64_t count : {change.changes, change.kept, change.dropped, change.grown}) {
    bytes += std::to_string(count) + ",";
  }
  const GradientTap& tap = ParameterAccess::tap(p);
  bytes += tap.empty() ? "" : "retains";
  if (!tap.empty()) {
    const MatrixSize size = as_matrix(p.shape());
    tap.for_each_block(size.rows, size.cols, [&](int64_t, const Tensor& block) { bytes += bytes_of(block); });
  }
  bytes += tap.retains() ? "R" : "";
  return bytes + bytes_of(p.values()) + bytes_of(p.grad());
}

const std::vector<std::string>& algorithm_names() {
  static const auto* const names = [] {
    auto* all = new std::vector<std::string>;
    for (const auto& [name, make] : algorithms()) all->push_back(name);
    return all;
  }();
  return *names;
}

const std::vector<std::string>& optimizer_names() {
  static const auto* const names = new std::vector<std::string>{"SGD", "Adam", "AdamW"};
  return *names;
}

std::shared_ptr<SparsityAlgorithm> make_algorithm(const WorldOptions& options) {
  auto algorithm = make_algorithm(options.algorithm, options);
  if (options.callbacks) {
    const auto hook = [](const SparsityAlgorithm&, const std::string&, float) { callback(); };
    algorithm->register_target_sparsity_hook(hook);
    algorithm->register_computed_sparsity_hook(hook);
  }
  return algorithm;
}

std::unique_ptr<optim::Optimizer> make_optimizer(std::string_view name, const std::vector<Parameter>& parameters) {
  if (name == "SGD") {
    return std::make_unique<optim::SGD>(parameters, optim::SgdOptions{.lr = 0.05, .momentum = 0.9});
  }
  if (name == "Adam") return std::make_unique<optim::Adam>(parameters, optim::AdamOptions{.lr = 0.01});
  return std::make_unique<optim::AdamW>(parameters, optim::AdamWOptions{.lr = 0.01});
}

std::unique_ptr<nn::Sequential> make_model(const WorldOptions& options, Generator& rng) {
  auto model = std::make_unique<nn::Sequential>(
      nn::named("fc1", nn::Linear({.in = options.width, .out = options.width + 4}, rng)), nn::named("act", nn::ReLU()),
      nn::named("fc2", nn::Linear({.in = options.width + 4, .out = 5}, rng)));
  // Biases stay dense; weights of the last layer, too, where a Group leaves them.
  for (const auto& [parameter_name, p] : model->named_parameters()) {
    p.set_requires_dense(parameter_name.ends_with("bias"));
    p.set_execution(options.execution);
  }
  return model;
}

World::World(const WorldOptions& o)
    : options(o),
      model(make_model(o, rng)),
      optimizer(make_optimizer(o.optimizer, model->parameters())),
      sparsity(make_algorithm(o)) {
  model->apply(*sparsity);
  optimizer->apply(*sparsity);
  for (int step = 0; step < options.steps; ++step) train(static_cast<uint64_t>(step));
}

Tensor World::loss(uint64_t step) {
  Tensor x = Tensor::empty({options.batch, options.width});
  fill_uniform(x, derive_key(3, "x", static_cast<int64_t>(step)), -1, 1);
  Tensor y = Tensor::empty({options.batch}, DType::i64);
  for (int64_t i = 0; i < options.batch; ++i) y.mutable_data<int64_t>()[i] = (i + static_cast<int64_t>(step)) % 5;
  return cross_entropy((*model)(x), y);
}

void World::backward(uint64_t step) { loss(step).backward(); }

void World::train(uint64_t step) {
  const Tensor l = loss(step);
  optimizer->zero_grad();
  l.backward();
  optimizer->step();
}

std::string World::digest() const {
  std::string bytes;
  for (const Parameter& p : model->parameters()) bytes += bytes_of(p);
  bytes += "#" + bytes_of_all(optimizer->state_dict()) + std::to_string(optimizer->state_bytes());
  bytes += "#" + bytes_of_all(sparsity->state_dict());
  return bytes;
}

std::function<Scene()> scene(const WorldOptions& options, const Act& act, const Act& prepare) {
  return [=] {
    auto world = std::make_shared<World>(options);
    prepare(*world);
    return Scene{[=] { act(*world); }, [=] { return world->digest(); }};
  };
}

namespace {

// What the library keeps is no leak.
int64_t live_without_kept_buffers() {
  release_cached_memory();
  return live_allocations();
}

}  // namespace

namespace {

void fail_every_allocation(const std::function<Scene()>& make, const std::string& after, Fails fails) {
  SCOPED_TRACE(fails == Fails::Once ? "once" : "from then on");
  Scene scene = make();
  const std::string before = scene.digest();
  for (int64_t nth = 1;; ++nth) {
    bool threw = false;
    {
      const FailingNew failing(nth, fails);
      try {
        scene.act();
      } catch (const std::bad_alloc&) {
        threw = true;
      }
    }
    const std::string now = scene.digest();
    if (threw) {
      ASSERT_TRUE(now == before) << "allocation " << nth << " failed, and something changed";
      continue;
    }
    ASSERT_TRUE(now == after) << "other bits than without a failure, at allocation " << nth;
    if (!FailingNew::fired()) {
      ASSERT_GT(nth, 1) << "nothing was allocated";
      break;
    }
    // It did without: the next try starts anew.
    scene = make();
  }
}

}  // namespace

void fail_every_allocation(const std::function<Scene()>& make) {
  std::string after;
  {
    const Scene scene = make();
    scene.act();
    after = scene.digest();
  }
  // What a first use keeps is no leak: that would come again.
  for (const bool again : {false, true}) {
    const int64_t live = live_without_kept_buffers();
    for (const Fails fails : {Fails::Once, Fails::FromThenOn}) fail_every_allocation(make, after, fails);
    if (testing::Test::HasFatalFailure()) return;
    const int64_t left = live_without_kept_buffers() - live;
    if (left == 0) return;
    if (again) ADD_FAILURE() << left << " allocations are left";
  }
}

void fail_every_callback(const std::function<Scene()>& make) {
  std::string after;
  {
    const Scene scene = make();
    scene.act();
    after = scene.digest();
  }
  const int64_t live = live_without_kept_buffers();
  {
    const Scene scene = make();
    const std::string before = scene.digest();
    for (int64_t nth = 1;; ++nth) {
      bool threw = false;
      {
        const FailingCallback failing(nth);
        try {
          scene.act();
        } catch (const Refusal&) {
          threw = true;
        }
      }
      ASSERT_EQ(threw, FailingCallback::fired()) << "the exception of callback " << nth << " was lost";
      const std::string now = scene.digest();
      if (!threw) {
        ASSERT_TRUE(now == after) << "other bits than without a failure";
        ASSERT_GT(nth, 1) << "no callback was called";
        break;
      }
      ASSERT_TRUE(now == before) << "callback " << nth << " threw, and something changed";
    }
  }
  EXPECT_EQ(live_without_kept_buffers(), live);
}

}  // namespace gossamer::test
