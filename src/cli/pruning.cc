#include "cli/pruning.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "cli/bar.h"
#include "cli/forms.h"
#include "cli/globs.h"
#include "cli/output.h"
#include "cli/tensor_file.h"
#include "cli/terminal.h"
#include "gossamer/error.h"
#include "gossamer/ops/math.h"
#include "gossamer/parameter.h"
#include "gossamer/random.h"
#include "gossamer/sparse/configure.h"
#include "gossamer/sparse/prune.h"
#include "gossamer/sparse/structure.h"
#include "gossamer/sparse_forms.h"
#include "runtime/check.h"
#include "runtime/table.h"
#include "tensor/csr/entries.h"

namespace gossamer::cli {

namespace {

using Row = std::vector<std::string>;

void check_options(const PruneCommand& c) {
  const auto only = [&](bool given, std::string_view option, std::string_view algorithms, bool takes) {
    if (!given || takes) return;
    fail<ConfigError>("prune", fmt::format("{} is an option of the algorithm {}", option, algorithms),
                      fmt::format("the algorithm is {}", c.algorithm));
  };
  const bool unstructured = c.algorithm == "magnitude" || c.algorithm == "random";
  only(c.n.has_value(), "--n", "n:m", c.algorithm == "n:m");
  only(c.m.has_value(), "--m", "n:m", c.algorithm == "n:m");
  only(c.block.has_value(), "--block", "block", c.algorithm == "block");
  only(c.seed.has_value(), "--seed", "random", c.algorithm == "random");
  only(c.global, "--global", "magnitude or random", unstructured);
  if (!c.sparsity && c.algorithm != "n:m") {
    fail<ConfigError>("prune", "--sparsity must be given", "it is missing", "0.9 keeps every tenth weight");
  }
  if (c.algorithm == "n:m" && c.sparsity) {
    const auto n = static_cast<double>(c.n.value_or(2)), m = static_cast<double>(c.m.value_or(4));
    if (std::abs(*c.sparsity - (1 - n / m)) > 1e-6) {
      fail<ConfigError>("prune", fmt::format("the sparsity of {} of {} is {:g}", n, m, 1 - n / m),
                        fmt::format("--sparsity {:g}", *c.sparsity), "leave --sparsity out");
    }
  }
}

sparse::Blocks read_block(const std::string& text) {
  sparse::Blocks blocks;
  const char* const end = text.data() + text.size();
  const auto rows = std::from_chars(text.data(), end, blocks.rows);
  const bool has_cross = rows.ec == std::errc() && rows.ptr != end && *rows.ptr == 'x';
  const auto cols = std::from_chars(has_cross ? rows.ptr + 1 : end, end, blocks.cols);
  if (!has_cross || cols.ec != std::errc() || cols.ptr != end || blocks.rows < 1 || blocks.cols < 1) {
    fail<ConfigError>("--block", "it must be rows x columns, such as 4x4", fmt::format("'{}'", text));
  }
  return blocks;
}

// A parameter with the elements, and the pattern, of a weight of the dict.
Parameter make_parameter(const StateDict& dict, const std::string& name) {
  const Parameter parameter(dict.at(name).clone(), name);
  if (const auto mask = dict.find(mask_entry(name)); mask != dict.end()) {
    parameter.assign(dict.at(name), CsrPattern::from_mask(mask->second));
  }
  return parameter;
}

std::vector<Parameter> select(const PruneCommand& command, const std::vector<Weight>& weights, const StateDict& dict) {
  std::vector<std::string> names;
  for (const Weight& weight : weights) {
    // A bias takes no part, whatever a glob says: it saves nothing.
    if (weight.shape.rank() >= 2 && is_floating(dict.at(weight.name).dtype())) names.push_back(weight.name);
  }
  check_globs("--include", command.include, names);
  check_globs("--exclude", command.exclude, names);
  std::vector<Parameter> parameters;
  for (const std::string& name : names) {
    if (any_match(command.exclude, name)) continue;
    if (!command.include.empty() && !any_match(command.include, name)) continue;
    Parameter parameter = make_parameter(dict, name);
    if (command.include.empty() && !sparse::default_sparse_param_filter(name, parameter)) continue;
    parameters.push_back(std::move(parameter));
  }
  if (parameters.empty()) {
    fail<ConfigError>("prune", "there must be a weight to prune", fmt::format("'{}' has none", command.file.string()),
                      "name some by --include");
  }
  return parameters;
}

// Keeps what a mask, made of the magnitudes as a matrix, and the pattern have in common.
template <class F>
void prune_by_mask(const std::vector<Parameter>& parameters, WorkBar& bar, F&& make_mask) {
  for (const Parameter& p : parameters) {
    const MatrixSize size = as_matrix(p.shape());
    const Tensor kept = [&] {
      try {
        return make_mask(abs(p.dense().alias({size.rows, size.cols})));
      } catch (const ShapeError& error) {
        throw ShapeError(fmt::format("'{}': {}", p.name(), error.what()));
      }
    }();
    const auto bits = kept.span<bool>();
    std::vector<int64_t> positions;
    p.topology()->for_each([&](const SlotPosition& at) {
      const int64_t position = at.row * size.cols + at.col;
      if (bits[static_cast<size_t>(position)]) positions.push_back(position);
    });
    if (positions.empty() && p.numel() > 0) {
      print_warning(fmt::format("'{}' loses all its weights", p.name()));
    }
    p.apply(TopologyChange::between(*p.topology(), CsrPattern::from_positions(size.rows, size.cols, positions)));
    bar.advance(p.numel());
  }
}

void prune_by_score(const PruneCommand& c, const std::vector<Parameter>& parameters, WorkBar& bar,
                    const sparse::ConnectionScores& scores) {
  if (c.global) {
    return sparse::prune(parameters, scores, {.sparsity = *c.sparsity, .scope = sparse::PruneScope::Global});
  }
  for (const Parameter& p : parameters) {
    sparse::prune({p}, scores, {.sparsity = *c.sparsity});
    bar.advance(p.numel());
  }
}

void prune(const PruneCommand& c, const std::vector<Parameter>& parameters, WorkBar& bar) {
  int64_t elements = 0;
  for (const Parameter& p : parameters) elements += p.numel();
  bar.begin(elements);
  if (c.algorithm == "magnitude") {
    prune_by_score(c, parameters, bar, sparse::magnitude_scores);
  } else if (c.algorithm == "random") {
    const auto scores = [&](const Parameter& p) {
      Tensor result = Tensor::empty({p.nnz()}, DType::f64);
      fill_uniform(result, derive_key(c.seed.value_or(0), p.name(), 0), 0, 1);
      return result;
    };
    prune_by_score(c, parameters, bar, scores);
  } else if (c.algorithm == "n:m") {
    const sparse::NOfM structure{.n = c.n.value_or(2), .m = c.m.value_or(4)};
    prune_by_mask(parameters, bar, [&](const Tensor& score) { return sparse::make_mask_n_of_m(score, structure); });
  } else {
    const sparse::Blocks blocks = read_block(c.block.value_or("4x4"));
    prune_by_mask(parameters, bar, [&](const Tensor& score) {
      return sparse::make_mask_block_topk_sparsity(score, *c.sparsity, blocks);
    });
  }
}

// What was done, for the metadata of the file.
std::string describe(const PruneCommand& c) {
  std::string text = c.algorithm;
  if (c.algorithm == "n:m") {
    text = fmt::format("{}:{}", c.n.value_or(2), c.m.value_or(4));
  } else {
    text += fmt::format(", sparsity {:g}{}", *c.sparsity, c.global ? " of all together" : "");
  }
  if (c.algorithm == "block") text += fmt::format(", {}", c.block.value_or("4x4"));
  if (c.algorithm == "random") text += fmt::format(", seed {}", c.seed.value_or(0));
  return text;
}

std::string table(const std::vector<Parameter>& parameters, const std::vector<double>& before) {
  std::vector<Row> rows = {{"weight", "shape", "before", "after", "nonzeros"}, {}};
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& p = parameters[i];
    rows.push_back({printable(p.name()), p.shape().to_string(), rt::percent(before[i]), rt::percent(p.sparsity()),
                    fmt::format("{}", p.nnz())});
  }
  return rt::format_table(rows, 2);
}

// Tells what became of each weight.
std::string prune_file(const PruneCommand& command, const TensorFile& file) {
  const std::vector<Weight> weights = find_weights(file);
  WorkBar bar("prune", 3, WorkBar::of_bytes(file.bytes()));
  StateDict dict = to_dense_form(read_weights(file, weights, bar));
  const std::vector<Parameter> parameters = select(command, weights, dict);
  std::vector<double> before;
  before.reserve(parameters.size());
  for (const Parameter& p : parameters) before.push_back(p.sparsity());
  prune(command, parameters, bar);
  for (const Parameter& p : parameters) {
    dict.insert_or_assign(p.name(), p.dense());
    dict.insert_or_assign(mask_entry(p.name()), p.mask());
  }
  std::map<std::string, std::string> metadata = file.metadata();
  metadata["gossamer.prune"] = describe(command);
  save_tensors(command.output, in_form(dict, command.form), metadata, file, bar);
  return table(parameters, before);
}

}  // namespace

void run_prune(const PruneCommand& command) {
  check_options(command);
  check_output("prune", command.output);
  const TensorFile file(command.file);
  const std::string table = prune_file(command, file);
  fmt::print("{}\n{}: {} (before: {})\n", table, command.output.string(),
             rt::kib(static_cast<int64_t>(std::filesystem::file_size(command.output))), rt::kib(file.file_bytes()));
}

}  // namespace gossamer::cli
