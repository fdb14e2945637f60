// A custom sparsity algorithm, written with the public interface alone: connections whose weight points against
// its gradient are strong; it drops those for which |w - g| is smallest and grows at random.
#include <cmath>
#include <cstdio>

#include "gossamer/gossamer.h"

namespace gs = gossamer;

class Contrary final : public gs::sparse::DynamicSparsityAlgorithm {
 public:
  Contrary(gs::sparse::SparsitySettings settings, gs::sparse::UpdateSchedule update)
      : DynamicSparsityAlgorithm("Contrary", std::move(settings), std::move(update)) {}

 protected:
  bool wants_dense_gradient() const override { return true; }

  gs::Tensor update_mask(const gs::sparse::SparseParameter& p, const gs::Tensor& mask,
                         const gs::sparse::PlanContext& context) override {
    const gs::Tensor gradient = dense_gradient(p);
    gs::Tensor score = p.data();
    gs::Tensor chance = gs::Tensor::empty(score.shape());
    gs::fill_uniform(chance, context.key, 0, 1);  // a function of (seed, name, step): a resumed run draws the same
    float* s = score.mutable_data<float>();
    for (int64_t i = 0; i < score.numel(); ++i) {
      s[i] = mask.data<bool>()[i] ? std::abs(s[i] - gradient.data<float>()[i]) : -1;
    }
    const auto [kept_mask, kept] = gs::sparse::make_mask_drop_minimum(score, mask, 0.3F);
    return gs::sparse::make_mask_grow_maximum(chance, kept_mask, context.sparsity, kept);
  }
};

int main() {
  // From here on a configuration may say `algorithm: contrary`.
  gs::sparse::register_algorithm("contrary", [](gs::sparse::ConfigReader& reader) {
    return std::make_shared<Contrary>(gs::sparse::read_settings(reader), gs::sparse::read_update(reader));
  });
  gs::Generator rng(1);
  gs::nn::Sequential model{gs::nn::named("fc1", gs::nn::Linear({.in = 64, .out = 128}, rng)), gs::nn::ReLU(),
                           gs::nn::named("fc2", gs::nn::Linear({.in = 128, .out = 8}, rng))};
  gs::optim::AdamW optimizer(model.parameters(), {.lr = 3e-3});
  using gs::sparse::ConfigMap;
  gs::sparse::Group sparsity = gs::sparse::configure(
      ConfigMap{{"algorithm", "contrary"}, {"sparsity", 0.9}, {"update", ConfigMap{{"freq", 10}, {"stop", 150}}}});
  model.apply(sparsity);
  optimizer.apply(sparsity);

  gs::Tensor x = gs::Tensor::empty({256, 64});
  gs::fill_uniform(x, 2, -1, 1);
  const gs::Tensor labels = gs::argmax(gs::slice(x, {.dim = 1, .begin = 0, .end = 8}));
  for (int step = 1; step <= 200; ++step) {
    const gs::Tensor loss = gs::cross_entropy(model(x), labels);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    if (step % 50 == 0) std::printf("step %d: loss %.4f\n", step, loss.item<double>());
  }
}
