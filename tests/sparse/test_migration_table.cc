// The table of docs/sparsity.md for people who come from cerebras.pytorch.sparse: each row stands above code that uses
// the right side of it. tests/build/test_migration_table.py compares the rows with the document.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/nn/container.h"
#include "gossamer/nn/linear.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/sparse/configure.h"
#include "gossamer/sparse/gmp.h"
#include "gossamer/sparse/mask.h"
#include "gossamer/sparse/rigl.h"
#include "gossamer/sparse/set.h"
#include "gossamer/sparse/static.h"
#include "tests/sparse/support.h"

namespace gossamer::sparse::test_migration_table {
namespace {

struct Model {
  Generator rng{1};
  nn::Sequential model{nn::named("fc1", nn::Linear({.in = 8, .out = 4}, rng)),
                       nn::named("fc2", nn::Linear({.in = 4, .out = 4}, rng))};
  optim::SGD optimizer{model.parameters(), {.lr = 0.1, .momentum = 0.9}};
};

class Custom final : public DynamicSparsityAlgorithm {
 public:
  Custom() : DynamicSparsityAlgorithm("Custom", {.sparsity = 0.5}, {}) {}

 protected:
  // | `update_mask(self, p, mask, sparsity)` | `update_mask(p, mask, context)`, with `context.sparsity` |
  Tensor update_mask(const SparseParameter&, const Tensor& mask, const PlanContext& context) override {
    EXPECT_EQ(context.sparsity, 0.5F);
    return mask;
  }
};

TEST(MigrationTable, OfAlgorithmsCompiles) {
  Model m;
  nn::Sequential& model = m.model;
  optim::SGD& optimizer = m.optimizer;
  // | `Static(sparsity=0.5)`, `GMP(...)`, `SET(...)`, `RigL(...)` | `Static(0.5)`, `GMP({...})`, ... with designated
  // fields of the same names |
  Static a(0.5);
  const GMP gmp({.sparsity = {0.3, 0.5}, .update = {.freq = 2}});
  const SET set({.sparsity = 0.5, .drop_fraction = 0.3});
  RigL b({.sparsity = 0.5, .drop_fraction = 0.3, .balance_in_groups = 2});
  // | `Group({"fc1.*": a})`, `add("fc2.*", b)`, `extend(other)`, `group[0]` | `Group({{"fc1.*", a}})`, `add({"fc2.*",
  // b})`, `extend(std::move(other))`, `group[0]` |
  Group group({{"fc1.*", std::move(a)}});
  group.add({"fc2.weight", std::move(b)});
  Group other({{"fc2.bias", Static(0.5)}});
  group.extend(std::move(other));
  EXPECT_EQ(group[0].name(), "Static");
  // | `s.sparsity = {param: schedule}` | `.sparsity = {{"name", schedule}, ...}` |
  const Schedule schedule = 0.5;
  const SET by_name({.sparsity = {{"name", schedule}, {"other", 0.9}}});
  // | `{"type": "cosine", "init": 0.3, ...}` | `Cosine{.init = 0.3, ...}`, or the map through `configure` |
  EXPECT_EQ(Schedule(Cosine{.init = 0.3, .half_period = 10}).at({}), 0.3F);
  EXPECT_EQ(configure(ConfigMap{{"algorithm", "gmp"},
                                {"sparsity", ConfigMap{{"type", "cosine"}, {"init", 0.3}, {"half_period", 10}}}})
                .size(),
            1U);
  // | `lambda step: ...` | `Lambda{[](int64_t step) { ... }}` |
  EXPECT_EQ(Schedule(Lambda{[](int64_t step) { return step == 0 ? 0.5 : 0.6; }}).at({}), 0.5F);
  // | `init_method="topk"` | `.init_method = topk`, `make_init_method("topk")` |
  const Static by_function({.sparsity = 0.5, .init_method = topk});
  const Static by_text({.sparsity = 0.5, .init_method = make_init_method("topk")});
  // | `model.apply(s)`, `optimizer.apply(s)` | the same |
  Group& s = group;
  model.apply(s);
  optimizer.apply(s);
  // | `s.sparse_params`, `num_sparse_params` | `sparse_params()`, `num_sparse_params()` |
  EXPECT_EQ(static_cast<int64_t>(s.sparse_params().size()), s.num_sparse_params());
  // | `s.get_sparse_params(module or optimizer)`, `(tensor)` | `get_sparse_params(...)`, `get_sparse_param(parameter)`
  // |
  const Parameter parameter = model.parameters()[0];
  EXPECT_EQ(s.get_sparse_params(model).size(), s.get_sparse_params(optimizer).size());
  EXPECT_TRUE(s.get_sparse_param(parameter));
  // | `s.initialize()`, `s.autoupdate = False`, `s.update(optimizer)` | `initialize()`, `set_autoupdate(false)`,
  // `update(&optimizer)` |
  s.initialize();
  s.set_autoupdate(false);
  s.update(&optimizer);
  // | `register_target_sparsity_hook`, `register_computed_sparsity_hook` | the same |
  const auto hook = [](const SparsityAlgorithm&, const std::string&, float) {};
  s.register_target_sparsity_hook(hook).remove();
  s.register_computed_sparsity_hook(hook).remove();
}

TEST(MigrationTable, OfParametersAndBuildingBlocksCompiles) {
  Model m;
  const Parameter p = m.model.parameters()[0];
  Custom custom;
  custom.apply({p});
  test::set_dense_gradient(p, test::uniform(p.shape(), 1));
  custom.update();
  const SparseParameter sparse_param = custom.sparse_params()[0];
  const Tensor score = test::uniform({4, 8}, 2);
  // | `make_mask_topk_sparsity`, `make_mask_drop_minimum`, `make_mask_grow_maximum` | the same |
  const Tensor mask = make_mask_topk_sparsity(score, 0.5F);
  const DroppedMask dropped = make_mask_drop_minimum(score, mask, 0.5F);
  EXPECT_EQ(make_mask_grow_maximum(score, dropped.mask, 0.5F, dropped.kept).shape(), mask.shape());
  // | `ScoreFlattener`, `OutputGroupScoreShaper`, `InputGroupScoreShaper` | the same |
  for (const ScoreShaper& shaper :
       {ScoreShaper(ScoreFlattener()), ScoreShaper(OutputGroupScoreShaper{2}), ScoreShaper(InputGroupScoreShaper{2})}) {
    EXPECT_EQ(make_mask_topk_sparsity(score, 0.5F, shaper).shape(), score.shape());
  }
  // | `sparse_param.mask = m` | `p.set_mask(m)` |
  sparse_param.set_mask(mask);
  EXPECT_EQ(p.nnz(), 16);
  // | `make_hyperparam_schedule`, `make_update_schedule`, `make_init_method` | the first two the same, of a `Config`;
  // `make_init_method("topk")` takes a name |
  EXPECT_EQ(make_hyperparam_schedule(Config(0.5)).at({}), 0.5F);
  EXPECT_EQ(make_update_schedule(Config(ConfigMap{{"freq", 100}})).freq, 100);
  EXPECT_TRUE(make_init_method("topk"));
  // | `configure(config)`; subclasses are found by their names | `configure(config)`; `register_algorithm(name, make)`
  // |
  register_algorithm("MigrationCustom", [](ConfigReader&) { return std::make_shared<Custom>(); });
  EXPECT_EQ(configure(ConfigMap{{"algorithm", "MigrationCustom"}})[0].name(), "Custom");
  // | `p.requires_dense = True`, `module.requires_dense`, `state.requires_dense` | `set_requires_dense()`,
  // `requires_dense()`, `state["..."].set_requires_dense()` |
  Model dense;
  dense.model.parameters()[0].set_requires_dense();
  EXPECT_TRUE(dense.model.parameters()[0].requires_dense());
  dense.model.requires_dense();
  EXPECT_TRUE(dense.model.parameters()[1].requires_dense());
  dense.optimizer.state(dense.model.parameters()[0])["momentum_buffer"].set_requires_dense();
}

}  // namespace
}  // namespace gossamer::sparse::test_migration_table
