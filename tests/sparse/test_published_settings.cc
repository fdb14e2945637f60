// Published settings, as YAML files hold them.
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gossamer/config.h"
#include "gossamer/sparse/configure.h"
#include "gossamer/sparse/dynamic.h"
#include "tests/sparse/support.h"

namespace gossamer::sparse::test_published_settings {
namespace {

using test::dense_parameter;

// The settings published for GPT-3 125M at 75 % (Cerebras Model Zoo), as its trainer files nest them.
std::string gpt3(const std::string& algorithm, const std::string& rest) {
  return "trainer:\n  init:\n    sparsity:\n      algorithm: " + algorithm + "\n      sparsity: 0.75\n" + rest +
         "      param_filter:\n"
         "        - \"*proj_[qkv]_dense_layer.weight\"\n"
         "        - \"*proj_output_dense_layer.weight\"\n"
         "        - \"*linear_layer.weight\"\n";
}

TEST(PublishedSettings, OfGpt3LoadAndDoWhatTheySay) {
  const std::string dynamic =
      "      drop_fraction:\n        type: cosine\n        init: 0.3\n        half_period: 3584\n"
      "      update:\n        freq: 100\n        stop: 3584\n";
  const std::string prefix = "model.transformer_decoder.layers.0.";
  for (const auto& [algorithm, name] :
       std::map<std::string, std::string>{{"static", "Static"}, {"set", "SET"}, {"rigl", "RigL"}}) {
    SCOPED_TRACE(name);
    const std::vector<Parameter> parameters{
        dense_parameter(prefix + "self_attn.proj_q_dense_layer.weight", {8, 8}, 1),
        dense_parameter(prefix + "self_attn.proj_k_dense_layer.weight", {8, 8}, 2),
        dense_parameter(prefix + "self_attn.proj_v_dense_layer.weight", {8, 8}, 3),
        dense_parameter(prefix + "self_attn.proj_output_dense_layer.weight", {8, 8}, 4),
        dense_parameter(prefix + "ffn.ffn.0.linear_layer.weight", {16, 8}, 5),
        dense_parameter(prefix + "self_attn.proj_q_dense_layer.bias", {8}, 6),
        dense_parameter(prefix + "norm1.weight", {8}, 7),
        dense_parameter("model.embedding_layer.word_embeddings.weight", {16, 8}, 8)};
    const Config file = parse_yaml(gpt3(algorithm, algorithm == "static" ? "" : dynamic));
    Group group = configure(file.at("trainer").at("init").at("sparsity"));
    group.apply(parameters);
    ASSERT_EQ(group.size(), 1U);
    EXPECT_EQ(group[0].name(), name);
    EXPECT_EQ(group.num_sparse_params(), 5);
    for (size_t i = 0; i < parameters.size(); ++i) {
      EXPECT_EQ(parameters[i].is_csr(), i < 5);
      EXPECT_EQ(parameters[i].nnz(), parameters[i].numel() / (i < 5 ? 4 : 1));
    }
    if (algorithm == "static") continue;
    const auto& updates = dynamic_cast<const DynamicSparsityAlgorithm&>(group[0]).update_schedule();
    for (const int64_t step : {0, 100, 3500}) EXPECT_TRUE(updates.is_update_step(step)) << step;
    for (const int64_t step : {1, 99, 3584, 3600}) EXPECT_FALSE(updates.is_update_step(step)) << step;
  }
}

}  // namespace
}  // namespace gossamer::sparse::test_published_settings
