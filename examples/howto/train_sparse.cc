// The same network trained dense, and with a tenth of its weights, by one loop: train_sparse [STEPS [RATE]].
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "gossamer/gossamer.h"

namespace gs = gossamer;
namespace sp = gs::sparse;

using Samples = std::shared_ptr<const gs::data::Dataset>;

Samples make_samples(uint64_t first, int64_t count) {
  gs::Tensor x = gs::Tensor::empty({count, 64});
  gs::Tensor y = gs::Tensor::empty({count}, gs::DType::i64);
  float* to = x.mutable_data<float>();
  for (int64_t i = 0; i < count; ++i) {
    const uint64_t sample = first + static_cast<uint64_t>(i);
    const uint64_t cloud = gs::random_bits(1, sample) % 40;
    y.mutable_data<int64_t>()[i] = static_cast<int64_t>(cloud % 10);
    for (uint64_t k = 0; k < 64; ++k) {
      *to++ = static_cast<float>(gs::random_normal(cloud, k) + 1.3 * gs::random_normal(1000 + sample, k));
    }
  }
  return std::make_shared<const gs::data::TensorDataset>(x, y);
}

struct Settings {
  int64_t steps = 600;
  double rate = 0.1;
  Samples known = make_samples(0, 6000);
  Samples unknown = make_samples(1'000'000, 2000);
};

gs::nn::Sequential make_network() {
  gs::Generator rng(1);
  return gs::nn::Sequential{gs::nn::named("fc1", gs::nn::Linear({.in = 64, .out = 256}, rng)), gs::nn::ReLU(),
                            gs::nn::named("fc2", gs::nn::Linear({.in = 256, .out = 256}, rng)), gs::nn::ReLU(),
                            gs::nn::named("fc3", gs::nn::Linear({.in = 256, .out = 10}, rng))};
}

double accuracy_of(gs::nn::Module& model, const Samples& samples) {
  const gs::NoGrad no_grad;
  model.eval();
  gs::metrics::Accuracy accuracy;
  gs::data::DataLoader loader(samples, {.batch_size = 500, .shuffle = false});
  for (const auto& batch : loader) accuracy.add(model(batch.x), batch.y);
  model.train();
  return accuracy.value();
}

void train(const char* title, sp::Group sparsity, const Settings& settings) {
  gs::nn::Sequential model = make_network();
  gs::optim::SGD optimizer(model.parameters(), {.lr = settings.rate, .momentum = 0.9, .weight_decay = 1e-4});
  model.apply(sparsity);      // these two
  optimizer.apply(sparsity);  // are what is new

  gs::optim::LrScheduler rate(optimizer, gs::optim::lr::CosineAnnealing{.t_max = settings.steps});
  gs::data::DataLoader loader(settings.known, {.batch_size = 64, .seed = 1});
  for (int64_t step = 0; step < settings.steps;) {
    for (const auto& batch : loader) {
      const gs::Tensor loss = gs::cross_entropy(model(batch.x), batch.y);
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      rate.step(optimizer);
      if (++step == settings.steps) break;
    }
  }

  int64_t nonzeros = 0;
  int64_t bytes = optimizer.state_bytes();
  for (const gs::Parameter& p : model.parameters()) {
    nonzeros += p.nnz();
    bytes += p.value_bytes() + p.index_bytes() + p.grad_bytes();
  }
  const char* const path = "model.safetensors";
  gs::io::save_safetensors(path, model.state_dict({.form = gs::SparseForm::Csr}));
  gs::nn::Sequential served = make_network();
  served.load_state_dict(gs::io::load_safetensors(path));
  std::printf("%-10s accuracy %.1f %%, %5d nonzeros, %6.1f KiB in training, %5.1f KiB in the file\n", title,
              100 * accuracy_of(served, settings.unknown), static_cast<int>(nonzeros),
              static_cast<double>(bytes) / 1024, static_cast<double>(std::filesystem::file_size(path)) / 1024);
}

int main(int argc, char** argv) {
  Settings settings;
  if (argc > 1) settings.steps = std::atoll(argv[1]);
  if (argc > 2) settings.rate = std::atof(argv[2]);
  train("dense", sp::Group::none(), settings);
  train("Static", {{"fc[12].weight", sp::Static(0.9)}}, settings);

  const int64_t steps = settings.steps;
  const gs::UpdateSchedule update = {.freq = steps / 24, .stop = steps * 3 / 4};
  const gs::Schedule drop = sp::Cosine{.init = 0.3, .half_period = static_cast<double>(steps) * 0.75};
  train("SET", {{"fc[12].weight", sp::SET({.sparsity = 0.9, .drop_fraction = drop, .update = update})}}, settings);
  train("RigL", {{"fc[12].weight", sp::RigL({.sparsity = 0.9, .drop_fraction = drop, .update = update})}}, settings);

  const sp::Cubic rising = {.init = 0, .final = 0.9, .start = steps / 8, .end = steps * 5 / 8};
  const gs::UpdateSchedule pruning = {.freq = steps / 24, .start = rising.start, .stop = rising.end + 1};
  train("GMP", {{"fc[12].weight", sp::GMP({.sparsity = rising, .update = pruning})}}, settings);

  const gs::nn::Sequential model = make_network();
  const auto large = sp::matching(model.parameters(), "fc[12].weight");
  const auto shares = sp::distribute(large, {.kind = sp::Distribution::ERK, .sparsity = 0.9});
  train("RigL, ERK", {{"fc[12].weight", sp::RigL({.sparsity = shares, .drop_fraction = drop, .update = update})}},
        settings);
}
