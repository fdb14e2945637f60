// SparsitySummary: figures of hand-made patterns, the total, and both forms of output.
#include <gtest/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "gossamer/sparse/summary.h"
#include "tests/sparse/support.h"

namespace gossamer::sparse::test_summary {
namespace {

using test::contains;
using test::dense_parameter;
using test::uniform;

using Json = nlohmann::json;

struct Model {
  // Rows 0 and 2 of `sparse` are dead after the change, and columns 1 and 3; of 4 connections 1 stayed, 3 went and 1
  // came.
  Parameter sparse = Parameter::csr({3, 4}, CsrPattern::from_positions(3, 4, std::vector<int64_t>{0, 4, 8, 11}),
                                    uniform({4}, 1), "fc.weight");
  Parameter bias = dense_parameter("fc.bias", {5}, 2);

  Model() {
    sparse.apply(
        TopologyChange::between(*sparse.pattern(), CsrPattern::from_positions(3, 4, std::vector<int64_t>{4, 6})));
  }
  std::vector<Parameter> parameters() const { return {sparse, bias}; }
};

TEST(SparsitySummary, CountsConnectionsBytesFlopsAndWhatIsDead) {
  const Model model;
  const SparsitySummary summary(model.parameters());
  ASSERT_EQ(summary.rows().size(), 2U);
  const SummaryRow& sparse = summary.rows()[0];
  EXPECT_EQ(sparse.name, "fc.weight");
  EXPECT_EQ(sparse.shape, Shape({3, 4}));
  EXPECT_EQ(sparse.elements, 12);
  EXPECT_EQ(sparse.nnz, 2);
  EXPECT_DOUBLE_EQ(sparse.sparsity(), 10.0 / 12);
  EXPECT_EQ(sparse.dense_bytes, 48);
  EXPECT_EQ(sparse.csr_bytes, model.sparse.value_bytes() + model.sparse.index_bytes());
  EXPECT_EQ(sparse.dense_flops, 24);
  EXPECT_EQ(sparse.csr_flops, 4);
  EXPECT_EQ(sparse.dead_rows, 2);
  EXPECT_EQ(sparse.dead_cols, 2);
  EXPECT_DOUBLE_EQ(sparse.dropped_share(), 0.75);
  EXPECT_DOUBLE_EQ(sparse.grown_share(), 0.5);
  EXPECT_FALSE(sparse.explored_share());

  const SummaryRow& bias = summary.rows()[1];
  EXPECT_EQ(bias.nnz, 5);
  EXPECT_EQ(bias.sparsity(), 0);
  EXPECT_EQ(bias.csr_bytes, 20);
  EXPECT_EQ(bias.dense_flops, 5);
  EXPECT_EQ(bias.csr_flops, 5);
  EXPECT_EQ(bias.dead_rows, 0);
  EXPECT_EQ(bias.dropped_share(), 0);

  const SummaryRow& total = summary.total();
  EXPECT_FALSE(total.shape);
  EXPECT_EQ(total.elements, 17);
  EXPECT_EQ(total.nnz, 7);
  EXPECT_DOUBLE_EQ(total.sparsity(), 10.0 / 17);
  EXPECT_EQ(total.dense_bytes, 68);
  EXPECT_EQ(total.csr_bytes, sparse.csr_bytes + 20);
  EXPECT_EQ(total.dense_flops, 29);
  EXPECT_EQ(total.csr_flops, 9);
  EXPECT_EQ(total.dead_rows, 2);
}

TEST(SparsitySummary, TellsWhatWasExploredWhereItIsTracked) {
  const Model model;
  const InTimeOverParameterization some({model.sparse});
  const SparsitySummary partly(model.parameters(), &some);
  EXPECT_DOUBLE_EQ(partly.rows()[0].explored_share().value(), 2.0 / 12);
  EXPECT_FALSE(partly.rows()[1].explored_share());
  EXPECT_FALSE(partly.total().explored_share());
  const InTimeOverParameterization all(model.parameters());
  EXPECT_DOUBLE_EQ(SparsitySummary(model.parameters(), &all).total().explored_share().value(), 7.0 / 17);
}

TEST(SparsitySummary, TheTableHasAHeadALinePerParameterAndTheTotal) {
  std::istringstream table(SparsitySummary(Model().parameters()).table());
  std::vector<std::string> lines;
  for (std::string line; std::getline(table, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 5U);
  for (const std::string& line : lines) EXPECT_EQ(line.size(), lines[0].size());
  EXPECT_TRUE(contains(lines[0], "sparsity"));
  EXPECT_TRUE(contains(lines[2], "fc.weight"));
  EXPECT_TRUE(contains(lines[2], "83.33 %"));
  EXPECT_TRUE(contains(lines[2], "[3, 4]"));
  EXPECT_TRUE(contains(lines[4], "total"));
}

TEST(SparsitySummary, TheJsonHoldsTheFigures) {
  const Model model;
  model.bias.set_name("quoted \"bias\"");
  const InTimeOverParameterization itop({model.sparse});
  const SparsitySummary summary(model.parameters(), &itop);
  const Json json = Json::parse(summary.json());
  ASSERT_EQ(json.at("parameters").size(), 2U);
  const Json& sparse = json.at("parameters")[0];
  EXPECT_EQ(sparse.at("name"), "fc.weight");
  EXPECT_EQ(sparse.at("shape"), (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(sparse.at("elements"), 12);
  EXPECT_EQ(sparse.at("nnz"), 2);
  EXPECT_EQ(sparse.at("sparsity"), summary.rows()[0].sparsity());
  EXPECT_EQ(sparse.at("dense_bytes"), 48);
  EXPECT_EQ(sparse.at("csr_bytes"), summary.rows()[0].csr_bytes);
  EXPECT_EQ(sparse.at("dense_flops"), 24);
  EXPECT_EQ(sparse.at("csr_flops"), 4);
  EXPECT_EQ(sparse.at("dropped_share"), 0.75);
  EXPECT_EQ(sparse.at("grown_share"), 0.5);
  EXPECT_EQ(sparse.at("dead_rows"), 2);
  EXPECT_EQ(sparse.at("dead_cols"), 2);
  EXPECT_EQ(sparse.at("explored_share"), summary.rows()[0].explored_share().value());
  EXPECT_EQ(json.at("parameters")[1].at("name"), "quoted \"bias\"");
  EXPECT_FALSE(json.at("parameters")[1].contains("explored_share"));
  EXPECT_FALSE(json.at("total").contains("name"));
  EXPECT_EQ(json.at("total").at("nnz"), 7);
}

TEST(SparsitySummary, OfNothingIsEmpty) {
  const SparsitySummary summary({});
  EXPECT_TRUE(summary.rows().empty());
  EXPECT_EQ(summary.total().sparsity(), 0);
  EXPECT_EQ(Json::parse(summary.json()).at("parameters").size(), 0U);
}

// The sanitizers see where it does not.
TEST(SparsitySummary, ALoopOverTheRowsOfATemporaryKeepsThem) {
  const Parameter p = dense_parameter("a.name.too.long.for.a.string.without.memory.of.its.own", {2, 3}, 4);
  int rows = 0;
  for (const SummaryRow& row : SparsitySummary({p}).rows()) {
    EXPECT_EQ(row.name, p.name());
    ++rows;
  }
  EXPECT_EQ(rows, 1);
  const SummaryRow& total = SparsitySummary({p}).total();
  EXPECT_EQ(total.elements, 6);
}

TEST(SparsitySummary, NamesOfAnyBytesMakeValidJson) {
  const std::string name = "a\"\\/\n\t\x01\xC3\xA9\xF0\x9F\x98\x80|\xFF|\xC3|\xED\xA0\x80|\xC0\x80";
  const Json json = Json::parse(SparsitySummary({dense_parameter(name, {2}, 3)}).json());
  const std::string lost = "\xEF\xBF\xBD";
  EXPECT_EQ(
      json.at("parameters")[0].at("name").get<std::string>(),
      "a\"\\/\n\t\x01\xC3\xA9\xF0\x9F\x98\x80|" + lost + "|" + lost + "|" + lost + lost + lost + "|" + lost + lost);
}

}  // namespace
}  // namespace gossamer::sparse::test_summary
