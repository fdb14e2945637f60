// gossamer inspect: what is in a file, and how sparse it is.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/bar.h"
#include "cli/command.h"
#include "cli/globs.h"
#include "cli/heat_map.h"
#include "cli/pattern_counts.h"
#include "cli/tensor_file.h"
#include "cli/terminal.h"
#include "cli/text_file.h"
#include "gossamer/error.h"
#include "runtime/table.h"

namespace gossamer::cli {

namespace {

using Row = std::vector<std::string>;
using rt::kib;
using rt::percent;

struct InspectOptions {
  std::filesystem::path file, svg, json;
  std::vector<std::string> globs;
};

struct Line {
  Weight weight;
  std::optional<PatternCounts> counts;  // none for a type that cannot be read
  bool is_matrix() const { return weight.shape.rank() >= 2; }
  int64_t nnz() const { return counts ? counts->nnz : weight.shape.numel(); }
  // What the arrays of the CSR form take in a file.
  int64_t csr_bytes() const {
    const int64_t index = nnz() < (int64_t{1} << 31) ? 4 : 8;
    return nnz() * (weight.value_size + index) + (as_matrix(weight.shape).rows + 1) * index;
  }
};

struct Totals {
  int64_t count = 0, elements = 0, nnz = 0, dense_bytes = 0, csr_bytes = 0;
  void add(const Line& line) {
    ++count;
    elements += line.weight.shape.numel();
    nnz += line.nnz();
    dense_bytes += line.weight.dense_bytes;
    csr_bytes += line.csr_bytes();
  }
};

std::string_view text_of(nn::WeightForm form) {
  switch (form) {
    case nn::WeightForm::Mask:
      return "mask";
    case nn::WeightForm::Prune:
      return "prune";
    case nn::WeightForm::Csr:
      return "CSR";
    default:
      return "dense";
  }
}

double sparsity(int64_t nnz, int64_t elements) {
  return elements == 0 ? 0 : 1 - static_cast<double>(nnz) / static_cast<double>(elements);
}

std::vector<Line> read_lines(const TensorFile& file, const std::vector<std::string>& globs) {
  std::vector<std::string> names;
  std::vector<Line> lines;
  for (Weight& weight : find_weights(file)) {
    names.push_back(weight.name);
    if (globs.empty() || any_match(globs, weight.name)) lines.push_back({std::move(weight), {}});
  }
  check_globs("--tensor", globs, names);
  int64_t elements = 0, bytes = 0;
  for (const Line& line : lines) {
    elements += line.weight.shape.numel();
    bytes += line.weight.dense_bytes;
  }
  WorkBar bar("inspect", 1, WorkBar::of_bytes(bytes));
  bar.begin(elements);
  for (Line& line : lines) {
    try {
      line.counts = count_pattern(file, line.weight);
    } catch (const DTypeError&) {  // the table says so
    }
    bar.advance(line.weight.shape.numel());
  }
  return lines;
}

Row total_row(std::string name, const Totals& totals, bool with_csr) {
  return {std::move(name),
          "",
          "",
          "",
          fmt::format("{}", totals.nnz),
          percent(sparsity(totals.nnz, totals.elements)),
          kib(totals.dense_bytes),
          with_csr ? kib(totals.csr_bytes) : ""};
}

std::string table(const std::vector<Line>& lines) {
  std::vector<Row> rows = {
      {"weight", "form", "type", "shape", "nonzeros", "sparsity", "dense", "CSR", "dead rows", "dead cols"}, {}};
  Totals matrices, all;
  for (const Line& line : lines) {
    const Weight& w = line.weight;
    Row row = {printable(w.name), std::string(text_of(w.form)), w.dtype, w.shape.to_string()};
    all.add(line);
    row.push_back(line.counts ? fmt::format("{}", line.nnz()) : "?");
    row.push_back(line.counts ? percent(sparsity(line.nnz(), w.shape.numel())) : "?");
    row.push_back(kib(w.dense_bytes));
    if (line.is_matrix() && line.counts) {
      matrices.add(line);
      row.push_back(kib(line.csr_bytes()));
      row.push_back(fmt::format("{}", line.counts->dead_rows));
      row.push_back(fmt::format("{}", line.counts->dead_cols));
    }
    rows.push_back(std::move(row));
  }
  rows.push_back({});
  rows.push_back(total_row(fmt::format("{} of rank 2 or more", matrices.count), matrices, true));
  rows.push_back(total_row(fmt::format("{} in all", all.count), all, false));
  return rt::format_table(rows, 4);
}

std::string to_json(const TensorFile& file, const std::vector<Line>& lines) {
  using Json = nlohmann::ordered_json;
  Json weights = Json::array();
  for (const Line& line : lines) {
    const Weight& w = line.weight;
    Json weight = {{"name", w.name},
                   {"form", text_of(w.form)},
                   {"type", w.dtype},
                   {"shape", std::vector<int64_t>(w.shape.begin(), w.shape.end())},
                   {"dense_bytes", w.dense_bytes}};
    if (line.counts) {
      weight["nonzeros"] = line.nnz();
      weight["sparsity"] = sparsity(line.nnz(), w.shape.numel());
    }
    if (line.counts && line.is_matrix()) {
      weight["csr_bytes"] = line.csr_bytes();
      weight["dead_rows"] = line.counts->dead_rows;
      weight["dead_cols"] = line.counts->dead_cols;
    }
    weights.push_back(std::move(weight));
  }
  const Json json = {{"metadata", file.metadata()}, {"weights", weights}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string to_svg(const std::vector<Line>& lines) {
  std::vector<HeatMap> maps;
  for (const Line& line : lines) {
    if (line.is_matrix() && line.counts) maps.push_back({line.weight.name, *line.counts});
  }
  return heat_map_svg(maps);
}

void inspect(const InspectOptions& options) {
  check_distinct({{"FILE", options.file}, {"--svg", options.svg}, {"--json", options.json}});
  if (!options.svg.empty()) check_writable_text(options.svg, "--svg");
  if (!options.json.empty()) check_writable_text(options.json, "--json");
  const TensorFile file(options.file);
  const std::vector<Line> lines = read_lines(file, options.globs);
  if (!options.svg.empty()) write_text(options.svg, to_svg(lines), "--svg");
  if (!options.json.empty()) write_text(options.json, to_json(file, lines), "--json");
  fmt::print("{}", table(lines));
  if (!file.metadata().empty()) fmt::print("\nmetadata\n");
  for (const auto& [key, text] : file.metadata()) fmt::print("  {}: {}\n", printable(key), printable(text));
}

}  // namespace

Run add_inspect(CLI::App& app) {
  const auto options = std::make_shared<InspectOptions>();
  app.add_option("FILE", options->file, "a safetensors file, the .index.json of several, .npz or .npy")
      ->type_name("")
      ->required();
  app.add_option("--tensor", options->globs, "only weights whose name matches this glob; may come several times")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  app.add_option("--svg", options->svg, "also draw where the nonzeros are, of each weight of rank 2 or more")
      ->type_name("FILE");
  app.add_option("--json", options->json, "also write the figures to this file")->type_name("FILE");
  return [options] { inspect(*options); };
}

}  // namespace gossamer::cli
