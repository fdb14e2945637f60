#include "sparse/settings/factories.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "gossamer/sparse/global_pruning.h"
#include "gossamer/sparse/granet.h"
#include "gossamer/sparse/snfs.h"
#include "gossamer/sparse/topkast.h"
#include "runtime/check.h"

namespace gossamer::sparse {

namespace {

std::shared_ptr<SparsityAlgorithm> make_granet(ConfigReader& reader) {
  SparsitySettings s = reader.settings();
  return std::make_shared<GraNet>(
      GraNetOptions{.sparsity = std::move(s.sparsity),
                    .drop_fraction = reader.schedule("drop_fraction", GraNetOptions().drop_fraction),
                    .update = reader.update(),
                    .init_method = std::move(s.init_method),
                    .seed = s.seed});
}

bool truth(ConfigReader& reader, const char* key, bool otherwise) {
  const Config* value = reader.find(key);
  if (value == nullptr) return otherwise;
  if (const bool* given = value->get_if<bool>()) return *given;
  fail<ConfigError>(reader.path_of(key), "it must be true or false", value->describe());
}

std::shared_ptr<SparsityAlgorithm> make_snfs(ConfigReader& reader) {
  SparsitySettings s = reader.settings();
  return std::make_shared<SNFS>(
      SNFSOptions{.sparsity = std::move(s.sparsity),
                  .drop_fraction = reader.schedule("drop_fraction", SNFSOptions().drop_fraction),
                  .update = reader.update(),
                  .momentum = reader.number("momentum", SNFSOptions().momentum),
                  .window = reader.integer("window", SNFSOptions().window),
                  .redistribute = truth(reader, "redistribute", SNFSOptions().redistribute),
                  .init_method = std::move(s.init_method),
                  .seed = s.seed});
}

std::shared_ptr<SparsityAlgorithm> make_global_pruning(ConfigReader& reader) {
  SparsitySettings s = reader.settings();
  const std::string scores = reader.text("scores", "magnitude");
  if (scores != "magnitude" && scores != "saliency") {
    fail<ConfigError>(reader.path_of("scores"), "it must be magnitude or saliency",
                      fmt::format("the text '{}'", scores));
  }
  return std::make_shared<GlobalPruning>(
      GlobalPruningOptions{.sparsity = s.sparsity.otherwise().value(),
                           .update = reader.update(),
                           .scores = scores == "saliency" ? saliency_scores : magnitude_scores,
                           .init_method = std::move(s.init_method),
                           .seed = s.seed});
}

std::shared_ptr<SparsityAlgorithm> make_topkast(ConfigReader& reader) {
  SparsitySettings s = reader.settings();
  return std::make_shared<TopKAST>(
      TopKASTOptions{.sparsity = std::move(s.sparsity),
                     .forward_sparsity = reader.schedule("forward_sparsity"),
                     .drop_fraction = reader.schedule("drop_fraction", TopKASTOptions().drop_fraction),
                     .update = reader.update(),
                     .init_method = std::move(s.init_method),
                     .seed = s.seed});
}

}  // namespace

std::map<std::string, AlgorithmFactory> library_factories() {
  return {
      {"granet", make_granet}, {"snfs", make_snfs}, {"global_pruning", make_global_pruning}, {"topkast", make_topkast}};
}

}  // namespace gossamer::sparse
