// What the demo found out: tables on standard output, and JSON.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/step_ratio.h"
#include "cli/training.h"
#include "gossamer/shape.h"

namespace gossamer::cli {

// A CSR parameter after training.
struct LayerReport {
  std::string name;
  Shape shape;
  double target = 0;  // sparsity that the algorithm aims at
  double actual = 0;
  int64_t csr_bytes = 0;    // values and all indices held
  int64_t dense_bytes = 0;  // what the dense weight would take
};

struct DemoReport {
  TrainingResult dense = {};
  TrainingResult sparse = {};
  double sparsity = 0;
  std::vector<LayerReport> layers = {};
  std::vector<StepRatio> step_ratios = {};
};

void print(const DemoReport& report);

// {"dense": {"test_accuracy", "images_per_s", "state_bytes"}, "sparse": {...}, "layers": [{"name", "shape", "target",
// "actual", "csr_bytes", "dense_bytes"}], "step_ratio": [{"sparsity", "ratio"}]}. Throws FileError when writing fails.
void write_json(const DemoReport& report, const std::filesystem::path& file);

}  // namespace gossamer::cli
