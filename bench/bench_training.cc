// Whole training steps of the demo's network, 784-1024-1024-10 with ReLU, cross entropy and AdamW, dense against CSR in
// turns; and which share of a step its products take. The products of the same shapes take turns with the steps; what
// is left is the loss, ReLU, the optimizer, changes of layout and the graph.
#include <fmt/format.h>

#include <cstdint>
#include <thread>
#include <vector>

#include "bench/openblas.h"
#include "bench/patterns.h"
#include "bench/products.h"
#include "bench/program.h"
#include "bench/random.h"
#include "bench/timing.h"
#include "cli/training.h"
#include "gossamer/sparse/group.h"
#include "gossamer/sparse/static.h"

namespace gossamer::bench {
namespace {

constexpr uint64_t kSeed = 1;
constexpr int64_t kPixels = 784, kWidth = 1024, kClasses = 10;

data::Batch random_batch(int64_t samples) {
  Tensor labels = Tensor::empty({samples}, DType::i64);
  auto* const y = labels.mutable_data<int64_t>();
  for (int64_t i = 0; i < samples; ++i)
    y[i] = static_cast<int64_t>(random_bits(kSeed, static_cast<uint64_t>(i)) % kClasses);
  return {uniform({samples, kPixels}, kSeed), labels};
}

// A network with its optimizer.
struct Training {
  explicit Training(double sparsity) : model(cli::make_network(kSeed)), optimizer(model.parameters(), cli::kAdamW) {
    if (sparsity == 0) return;
    sparse::Group pruned({{"fc[12].weight", sparse::Static({.sparsity = sparsity, .seed = kSeed})}});
    model.apply(pruned);
    optimizer.apply(pruned);
  }
  void step(const data::Batch& batch) { cli::training_step(model, optimizer, batch); }

  nn::Sequential model;
  optim::AdamW optimizer;
};

void measure(benchmark::State& state, double sparsity, int64_t samples, int threads) {
  const data::Batch batch = random_batch(samples);
  Training dense(0), csr(sparsity);
  DenseProducts dense1({kWidth, kPixels, samples}), dense2({kWidth, kWidth, samples}),
      dense3({kClasses, kWidth, samples});
  CsrProducts csr1(uniform_pattern(kWidth, kPixels, sparsity), samples);
  CsrProducts csr2(uniform_pattern(kWidth, kWidth, sparsity), samples);
  const auto last_layer = [&] {
    for (const Kernel kernel : {Kernel::Forward, Kernel::InputGrad, Kernel::WeightGrad}) dense3.run(kernel, threads);
  };
  // No input gradient in the first layer.
  const auto dense_products = [&] {
    for (const Kernel kernel : {Kernel::Forward, Kernel::WeightGrad}) dense1.run(kernel, threads);
    for (const Kernel kernel : {Kernel::Forward, Kernel::InputGrad, Kernel::WeightGrad}) dense2.run(kernel, threads);
    last_layer();
  };
  const auto csr_products = [&] {
    for (const Kernel kernel : {Kernel::Forward, Kernel::WeightGrad}) csr1.run(kernel, Layout::Native);
    for (const Kernel kernel : {Kernel::Forward, Kernel::InputGrad, Kernel::WeightGrad})
      csr2.run(kernel, Layout::Native);
  };

  enum { DenseStep, CsrStep, DenseProductsOfStep, CsrProductsOfStep, LastLayer };
  Contender contenders[] = {{[&] { dense.step(batch); }, {}},
                            {[&] { csr.step(batch); }, {}},
                            {dense_products, {}},
                            {csr_products, {}},
                            {last_layer, {}}};
  take_turns(contenders, {.threads = threads, .budget_s = 1, .min_rounds = 7});
  const double dense_step = contenders[DenseStep].time(), csr_step = contenders[CsrStep].time();
  set_time(state, csr_step);
  state.counters["images/s"] = static_cast<double>(samples) / csr_step;
  state.counters["dense.images/s"] = static_cast<double>(samples) / dense_step;
  state.counters["ratio"] = dense_step / csr_step;
  state.counters["csr_share"] = contenders[CsrProductsOfStep].time() / csr_step;
  state.counters["last_layer_share"] = contenders[LastLayer].time() / csr_step;
  state.counters["dense.product_share"] = contenders[DenseProductsOfStep].time() / dense_step;
}

int run(int argc, char** argv) {
  std::vector<int> threads = {1};
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  if (cores > 1) threads.push_back(cores);
  for (const int t : threads) {
    for (const int64_t samples : {128, 256}) {
      for (const double sparsity : {0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99}) {
        add_benchmark(fmt::format("training_step/batch:{}/sparsity:{:g}/threads:{}", samples, sparsity, t),
                      [=](benchmark::State& state) { measure(state, sparsity, samples, t); });
      }
    }
  }
  return run_benchmarks(argc, argv);
}

}  // namespace
}  // namespace gossamer::bench

int main(int argc, char** argv) {
  return gossamer::bench::run_program("bench_training", [&] { return gossamer::bench::run(argc, argv); });
}
