#include "sparse/settings/factories.h"

#include <fmt/format.h>

#include <memory>
#include <type_traits>
#include <utility>

#include "gossamer/sparse/global_pruning.h"
#include "gossamer/sparse/gmp.h"
#include "gossamer/sparse/granet.h"
#include "gossamer/sparse/mest.h"
#include "gossamer/sparse/rigl.h"
#include "gossamer/sparse/set.h"
#include "gossamer/sparse/snfs.h"
#include "gossamer/sparse/static.h"
#include "gossamer/sparse/topkast.h"
#include "runtime/check.h"

namespace gossamer::sparse {

namespace {

// The options that several algorithms have: sparsity, init_method and seed, and update and drop_fraction where there
// are such members. What is missing keeps the default of the options.
template <class Options>
Options read_common(ConfigReader& reader) {
  SparsitySettings settings = read_settings(reader);
  Options options;
  if constexpr (std::is_same_v<decltype(options.sparsity), Schedule>) {
    options.sparsity = settings.sparsity.otherwise().value();
  } else {
    options.sparsity = std::move(settings.sparsity);
  }
  options.init_method = std::move(settings.init_method);
  options.seed = settings.seed;
  if constexpr (requires { options.drop_fraction; }) {
    options.drop_fraction = reader.schedule("drop_fraction", options.drop_fraction);
  }
  if constexpr (requires { options.update; }) options.update = read_update(reader);
  return options;
}

// Options without members of their own.
void read_own(ConfigReader&, const auto&) {}

void read_own(ConfigReader& reader, RigLOptions& options) {
  options.balance_in_groups = reader.integer("balance_in_groups", options.balance_in_groups);
  options.balance_out_groups = reader.integer("balance_out_groups", options.balance_out_groups);
  options.candidates = reader.number("candidates", options.candidates);
  options.window = reader.integer("window", options.window);
}

void read_own(ConfigReader& reader, MESTOptions& options) {
  options.gradient_weight = reader.number("gradient_weight", options.gradient_weight);
}

void read_own(ConfigReader& reader, SNFSOptions& options) {
  options.momentum = reader.number("momentum", options.momentum);
  options.window = reader.integer("window", options.window);
  options.redistribute = reader.boolean("redistribute", options.redistribute);
}

void read_own(ConfigReader& reader, GlobalPruningOptions& options) {
  const std::string scores = reader.text("scores", "magnitude");
  if (scores != "magnitude" && scores != "saliency") {
    fail<ConfigError>(reader.path_of("scores"), "it must be magnitude or saliency",
                      fmt::format("the text '{}'", scores));
  }
  if (scores == "saliency") options.scores = saliency_scores;
}

void read_own(ConfigReader& reader, TopKASTOptions& options) {
  options.forward_sparsity = reader.schedule("forward_sparsity");
}

template <class Algorithm, class Options>
std::shared_ptr<SparsityAlgorithm> make(ConfigReader& reader) {
  auto options = read_common<Options>(reader);
  read_own(reader, options);
  return std::make_shared<Algorithm>(std::move(options));
}

}  // namespace

std::map<std::string, AlgorithmFactory> library_factories() {
  return {{"static", make<Static, StaticOptions>},
          {"gmp", make<GMP, GMPOptions>},
          {"set", make<SET, SETOptions>},
          {"rigl", make<RigL, RigLOptions>},
          {"granet", make<GraNet, GraNetOptions>},
          {"mest", make<MEST, MESTOptions>},
          {"snfs", make<SNFS, SNFSOptions>},
          {"global_pruning", make<GlobalPruning, GlobalPruningOptions>},
          {"topkast", make<TopKAST, TopKASTOptions>}};
}

}  // namespace gossamer::sparse
