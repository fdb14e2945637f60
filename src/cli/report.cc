#include "cli/report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/text_file.h"
#include "runtime/table.h"

namespace gossamer::cli {

namespace {

using Row = std::vector<std::string>;
using rt::kib;
using rt::percent;

void print_table(std::string_view title, const std::vector<Row>& rows) {
  fmt::print("\n{}\n{}", title, rt::format_table(rows));
}

std::string mib(int64_t bytes) { return fmt::format("{:.2f} MiB", static_cast<double>(bytes) / (1024 * 1024)); }

Row result_row(std::string name, const TrainingResult& result) {
  return {std::move(name), percent(result.test_accuracy, 2), fmt::format("{:.0f}", result.images_per_s),
          mib(result.state_bytes)};
}

}  // namespace

void print(const DemoReport& report) {
  std::vector<Row> layers = {{"layer", "shape", "target", "actual", "CSR", "dense", "CSR/dense"}, {}};
  for (const LayerReport& layer : report.layers) {
    layers.push_back({layer.name, layer.shape.to_string(), percent(layer.target), percent(layer.actual, 2),
                      kib(layer.csr_bytes), kib(layer.dense_bytes),
                      percent(static_cast<double>(layer.csr_bytes) / static_cast<double>(layer.dense_bytes))});
  }
  print_table("Sparse layers after training (bytes of values and indices)", layers);

  print_table("Training (memory: peak of weights, indices, gradients and optimizer states)",
              {{"weights", "test accuracy", "images/s", "memory"},
               {},
               result_row("dense", report.dense),
               result_row(fmt::format("RigL {:g} %", 100 * report.sparsity), report.sparse)});

  std::vector<Row> ratios = {{"sparsity", "dense step", "CSR step", "dense/CSR"}, {}};
  for (const StepRatio& r : report.step_ratios) {
    ratios.push_back({fmt::format("{:g} %", 100 * r.sparsity), fmt::format("{:.2f} ms", r.dense_ms),
                      fmt::format("{:.2f} ms", r.csr_ms), fmt::format("{:.2f} x", r.ratio())});
  }
  print_table(fmt::format("One training step of {} images (forward, backward, AdamW)", kBatchSize), ratios);
}

void write_json(const DemoReport& report, const std::filesystem::path& file) {
  using Json = nlohmann::ordered_json;
  const auto run = [](const TrainingResult& r) {
    return Json{{"test_accuracy", r.test_accuracy}, {"images_per_s", r.images_per_s}, {"state_bytes", r.state_bytes}};
  };
  Json layers = Json::array();
  for (const LayerReport& layer : report.layers) {
    layers.push_back({{"name", layer.name},
                      {"shape", std::vector<int64_t>(layer.shape.begin(), layer.shape.end())},
                      {"target", layer.target},
                      {"actual", layer.actual},
                      {"csr_bytes", layer.csr_bytes},
                      {"dense_bytes", layer.dense_bytes}});
  }
  Json ratios = Json::array();
  for (const StepRatio& r : report.step_ratios) ratios.push_back({{"sparsity", r.sparsity}, {"ratio", r.ratio()}});
  const Json json = {
      {"dense", run(report.dense)}, {"sparse", run(report.sparse)}, {"layers", layers}, {"step_ratio", ratios}};
  write_text(file, json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n", "--json");
}

}  // namespace gossamer::cli
