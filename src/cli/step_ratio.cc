#include "cli/step_ratio.h"

#include <algorithm>
#include <chrono>

#include "cli/training.h"
#include "gossamer/sparse/group.h"
#include "gossamer/sparse/static.h"

namespace gossamer::cli {

namespace {

constexpr double kSparsities[] = {0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99};
constexpr int kWarmUp = 3;
constexpr int kRepetitions = 21;

double step_ms(nn::Module& model, optim::Optimizer& optimizer, const data::Batch& batch) {
  const auto start = std::chrono::steady_clock::now();
  training_step(model, optimizer, batch);
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + kRepetitions / 2);
  return values[kRepetitions / 2];
}

}  // namespace

std::vector<StepRatio> measure_step_ratios(const data::Batch& batch, uint64_t seed) {
  nn::Sequential dense = make_network(seed);
  optim::AdamW dense_optimizer(dense.parameters(), kAdamW);
  std::vector<StepRatio> ratios;
  for (const double sparsity : kSparsities) {
    nn::Sequential csr = make_network(seed);
    sparse::Group pruned({{"fc[12].weight", sparse::Static({.sparsity = sparsity, .seed = seed})}});
    csr.apply(pruned);
    optim::AdamW csr_optimizer(csr.parameters(), kAdamW);
    std::vector<double> dense_ms;
    std::vector<double> csr_ms;
    for (int i = -kWarmUp; i < kRepetitions; ++i) {
      const double d = step_ms(dense, dense_optimizer, batch);
      const double c = step_ms(csr, csr_optimizer, batch);
      if (i < 0) continue;
      dense_ms.push_back(d);
      csr_ms.push_back(c);
    }
    ratios.push_back({.sparsity = sparsity, .dense_ms = median(dense_ms), .csr_ms = median(csr_ms)});
  }
  return ratios;
}

}  // namespace gossamer::cli
