// A sparsity algorithm of one's own, twice: by masks, which is easy, and by patterns, with nothing dense. Connections
// whose weight points against its gradient are strong; it drops those of smallest |w - g| and grows at random.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include "gossamer/gossamer.h"

namespace gs = gossamer;
namespace sp = gs::sparse;

class ContraryByMask final : public sp::DynamicSparsityAlgorithm {
 public:
  ContraryByMask(sp::SparsitySettings settings, sp::UpdateSchedule update)
      : DynamicSparsityAlgorithm("ContraryByMask", std::move(settings), std::move(update)) {}

 protected:
  bool wants_dense_gradient() const override { return true; }

  gs::Tensor update_mask(const sp::SparseParameter& p, const gs::Tensor& mask,
                         const sp::PlanContext& context) override {
    const gs::Tensor strength = gs::abs(p.data() - dense_gradient(p));
    const gs::Tensor score = gs::masked_fill(strength, gs::logical_not(mask), -1);
    const auto [kept_mask, kept] = sp::make_mask_drop_minimum(score, mask, 0.3F);
    gs::Tensor chance = gs::Tensor::empty(mask.shape());
    gs::fill_uniform(chance, context.key, 0, 1);
    return sp::make_mask_grow_maximum(chance, kept_mask, context.sparsity, kept);
  }
};

class Contrary final : public sp::DynamicSparsityAlgorithm {
 public:
  Contrary(sp::SparsitySettings settings, sp::UpdateSchedule update, gs::Schedule drop_fraction)
      : DynamicSparsityAlgorithm("Contrary", std::move(settings), std::move(update)),
        drop_fraction_(std::move(drop_fraction)) {}

 protected:
  gs::TopologyChange plan(const sp::SparseParameter& p, const sp::PlanContext& context) override {
    const gs::MatrixSize size = gs::as_matrix(p.param().shape());
    const gs::Tensor strength = gs::abs(p.values() - p.param().grad());
    std::vector<std::pair<float, int64_t>> live;  // -strength and position: the strongest come first
    p.pattern()->for_each([&, s = strength.data<float>()](const gs::SlotPosition& at) {
      live.emplace_back(-s[at.slot], at.row * size.cols + at.col);
    });
    const float share = 1 - drop_fraction_.at(context.time);
    const auto kept = static_cast<int64_t>(share * static_cast<float>(live.size()));
    std::ranges::nth_element(live, live.begin() + kept);
    std::vector<int64_t> positions;
    for (int64_t i = 0; i < kept; ++i) positions.push_back(live[static_cast<size_t>(i)].second);
    std::ranges::sort(positions);

    const int64_t n = size.rows * size.cols;
    const int64_t missing = std::max(sp::num_kept(context.sparsity, n) - kept, int64_t{0});
    int64_t before = 0;  // kept connections in front of an absent one: its position is its rank and they
    for (const int64_t rank : gs::sample_without_replacement(context.key, n - kept, missing)) {
      while (before < kept && positions[static_cast<size_t>(before)] <= rank + before) ++before;
      positions.push_back(rank + before);
    }
    std::ranges::inplace_merge(positions, positions.begin() + kept);
    return {gs::CsrPattern::from_positions(size.rows, size.cols, positions)};
  }

 private:
  gs::Schedule drop_fraction_;
};

struct Run {
  gs::Generator rng{1};
  gs::nn::Sequential model{gs::nn::named("fc1", gs::nn::Linear({.in = 64, .out = 128}, rng)), gs::nn::ReLU(),
                           gs::nn::named("fc2", gs::nn::Linear({.in = 128, .out = 128}, rng)), gs::nn::ReLU(),
                           gs::nn::named("fc3", gs::nn::Linear({.in = 128, .out = 8}, rng))};
  gs::optim::AdamW optimizer{model.parameters(), {.lr = 3e-3}};
  sp::Group sparsity;
  gs::train::Checkpoint checkpoint;

  explicit Run(const sp::Config& config) : sparsity(sp::configure(config)) {
    model.apply(sparsity);
    optimizer.apply(sparsity);
    checkpoint.add("model", model).add("optimizer", optimizer).add("sparsity", sparsity);
  }

  void train(int steps) {
    gs::Tensor x = gs::Tensor::empty({256, 64});
    gs::fill_uniform(x, 2, -1, 1);
    const gs::Tensor labels = gs::argmax(gs::slice(x, {.dim = 1, .begin = 0, .end = 8}));
    for (int step = 1; step <= steps; ++step) {
      const gs::Tensor loss = gs::cross_entropy(model(x), labels);
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      if (step == steps) std::printf("loss %.4f\n", loss.item<double>());
    }
  }
};

int main() {
  sp::register_algorithm("contrary", [](sp::ConfigReader& reader) {
    return std::make_shared<Contrary>(sp::read_settings(reader), sp::read_update(reader),
                                      reader.schedule("drop_fraction", 0.3));
  });
  sp::register_algorithm("contrary_by_mask", [](sp::ConfigReader& reader) {
    return std::make_shared<ContraryByMask>(sp::read_settings(reader), sp::read_update(reader));
  });
  using sp::ConfigMap;
  const ConfigMap update = {{"freq", 10}, {"stop", 150}};
  const sp::Config config = sp::ConfigList{
      ConfigMap{{"algorithm", "contrary"}, {"param_filter", "fc1.weight"}, {"sparsity", 0.9}, {"update", update}},
      ConfigMap{{"algorithm", "contrary_by_mask"}, {"param_filter", "fc2.w*"}, {"sparsity", 0.8}, {"update", update}}};

  Run run(config);
  run.train(55);
  const gs::StateDict saved = run.checkpoint.state_dict();
  run.train(145);
  for (const sp::SummaryRow& row : sp::SparsitySummary(run.model.parameters()).rows()) {
    if (row.last_change.changes == 0) continue;
    std::printf("%s: %d of %d connections, %d changes, the last dropped %.1f %%\n", row.name.c_str(),
                static_cast<int>(row.nnz), static_cast<int>(row.elements), static_cast<int>(row.last_change.changes),
                100 * row.dropped_share());
  }

  Run resumed(config);
  resumed.checkpoint.load_state_dict(saved);
  resumed.train(145);
  bool same = true;
  for (size_t i = 0; i < run.model.parameters().size(); ++i) {
    const gs::Tensor a = run.model.parameters()[i].dense();
    const gs::Tensor b = resumed.model.parameters()[i].dense();
    same = same && std::ranges::equal(a.span<float>(), b.span<float>());
  }
  std::printf("the resumed run has %s weights\n", same ? "the same" : "other");
}
