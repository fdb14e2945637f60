#include "cli/demo.h"

#include <fmt/format.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "cli/output.h"
#include "cli/report.h"
#include "cli/step_ratio.h"
#include "cli/text_file.h"
#include "cli/training.h"
#include "gossamer/io/safetensors.h"
#include "gossamer/runtime.h"
#include "gossamer/sparse/group.h"
#include "gossamer/sparse/rigl.h"
#include "runtime/check.h"

namespace gossamer::cli {

namespace {

// RigL on the two large weights, whose patterns settle half-way; the last layer and the biases stay dense.
sparse::Group make_sparsity(const DemoOptions& options, int64_t steps) {
  const int64_t stop = steps / 2;
  return sparse::Group(
      {{"fc[12].weight",
        sparse::RigL({.sparsity = options.sparsity,
                      .drop_fraction = sparse::Cosine{.init = 0.3, .half_period = static_cast<double>(stop)},
                      .update = {.freq = 100, .stop = stop},
                      .seed = options.seed})}});
}

std::vector<LayerReport> describe_layers(const sparse::SparsityAlgorithm& sparsity) {
  std::vector<LayerReport> layers;
  for (const sparse::SparseParameter& p : sparsity.sparse_params()) {
    const Parameter& parameter = p.param();
    layers.push_back({.name = p.name(),
                      .shape = parameter.shape(),
                      // A float32 whose double would read 0.8999999761581421 instead of 0.9.
                      .target = std::round(1e6 * sparsity.target_sparsity(p)) / 1e6,
                      .actual = parameter.sparsity(),
                      .csr_bytes = parameter.value_bytes() + parameter.index_bytes(),
                      .dense_bytes = parameter.numel() * dtype_size(parameter.dtype())});
  }
  return layers;
}

}  // namespace

void run_demo(const DemoOptions& options) {
  // What would fail after minutes of training fails now.
  check_distinct({{"--save", options.save}, {"--json", options.json}});
  if (!options.json.empty()) check_writable_text(options.json, "--json");
  if (!options.save.empty()) check_writable_text(options.save, "--save");
  if (!options.resume.empty()) static_cast<void>(io::Safetensors::open(options.resume));
  // Mean and standard deviation of the training pixels.
  const data::FashionMnist data =
      data::load_fashion_mnist({.folder = options.data, .scale = {.mean = 0.2860, .std = 0.3530}});
  if (data.train->size() < 2 * kBatchSize) {
    fail<ConfigError>("demo", fmt::format("there must be at least {} training images, two batches", 2 * kBatchSize),
                      fmt::format("{} in '{}'", data.train->size(), options.data.string()));
  }
  const int64_t steps = options.epochs * ((data.train->size() + kBatchSize - 1) / kBatchSize);
  sparse::Group sparsity = make_sparsity(options, steps);
  fmt::print("Fashion-MNIST, 784-1024-1024-10, batch {}, AdamW, {} epochs, {} threads, {}\n\n", kBatchSize,
             options.epochs, max_threads(), simd_target());
  flush_output();

  DemoReport report{.sparsity = options.sparsity};
  {
    nn::Sequential dense = make_network(options.seed);
    report.dense = train(dense, nullptr, data, {.label = "dense", .epochs = options.epochs, .seed = options.seed});
  }
  {
    nn::Sequential sparse = make_network(options.seed);
    report.sparse = train(sparse, &sparsity, data,
                          {.label = "RigL",
                           .epochs = options.epochs,
                           .seed = options.seed,
                           .save = options.save,
                           .resume = options.resume});
    report.layers = describe_layers(sparsity);
  }
  fmt::print("steps   timing dense against CSR weights\n");
  flush_output();
  std::vector<int64_t> first(kBatchSize);
  std::iota(first.begin(), first.end(), int64_t{0});
  report.step_ratios = measure_step_ratios(data.train->gather(first), options.seed);

  print(report);
  flush_output();
  if (!options.json.empty()) write_json(report, options.json);
}

}  // namespace gossamer::cli
