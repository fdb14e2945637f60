// The demo: one network on Fashion-MNIST, dense and with RigL, and what sparse weights save.
#pragma once

#include <cstdint>
#include <filesystem>

#include "gossamer/data/fashion_mnist.h"

namespace gossamer::cli {

struct DemoOptions {
  std::filesystem::path data = data::FashionMnistOptions().folder;
  std::filesystem::path json;  // empty: no JSON is written
  int64_t epochs = 8;
  uint64_t seed = 1;
  double sparsity = 0.9;
  // Files of the sparse run, none where empty: written after each epoch; gone on from.
  std::filesystem::path save = {};
  std::filesystem::path resume = {};
};

// Prints to standard output. Throws Error for bad options, missing data, lost output or a JSON file that cannot be
// written.
void run_demo(const DemoOptions& options);

}  // namespace gossamer::cli
