// The table, the JSON file and the plot of given figures.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/json.h"
#include "bench/plot.h"
#include "bench/table.h"

namespace gossamer::bench::test_output {
namespace {

// Dense products take one second.
Ratio ratio_of(Series series, const LayerSize& size, double sparsity, double ratio) {
  return {std::move(series), size, sparsity, 1 / ratio, 1};
}

std::vector<Ratio> some_ratios() {
  constexpr LayerSize kSmall{16, 8, 4}, kLarge{32, 32, 128};
  const Series step{Kernel::Step, Layout::BatchFirst, 1}, forward{Kernel::Forward, Layout::BatchFirst, 1};
  const Series native{Kernel::Step, Layout::Native, 2}, peer{Kernel::Step, Layout::BatchFirst, 1, "peer"};
  return {ratio_of(step, kSmall, 0.5, 0.5),   ratio_of(step, kSmall, 0.9, 4),    ratio_of(step, kLarge, 0.5, 0.5),
          ratio_of(step, kLarge, 0.9, 16),    ratio_of(forward, kSmall, 0.5, 1), ratio_of(forward, kSmall, 0.9, 2),
          ratio_of(native, kSmall, 0.9, 0.5), ratio_of(peer, kSmall, 0.5, 0.25), ratio_of(peer, kSmall, 0.9, 0.75)};
}

TEST(RatioTable, ShowsEverySeriesItsMeansAndItsCrossover) {
  EXPECT_EQ(ratio_table(some_ratios()),
            "Time of the dense product on OpenBLAS divided by time of the CSR product: above 1, CSR is faster\n"
            "\n"
            "batch_first, 1 thread\n"
            "  kernel    M x K x N        50 %   90 %   crossover\n"
            "  --------------------------------------------------\n"
            "  forward   16x8x4           1.00   2.00\n"
            "            geometric mean   1.00   2.00     <= 50 %\n"
            "  --------------------------------------------------\n"
            "  step      16x8x4           0.50   4.00\n"
            "            32x32x128        0.50   16.0\n"
            "            geometric mean   0.50   8.00      52.7 %\n"
            "            (peer)           0.25   0.75       never\n"
            "\n"
            "native, 2 threads\n"
            "  kernel   M x K x N        90 %   crossover\n"
            "  ------------------------------------------\n"
            "  step     16x8x4           0.50\n"
            "           geometric mean   0.50       never\n");
}

TEST(RatioTable, KeepsFewSamplesApartAndSaysWhatTheirDenseProductIs) {
  const Series many{Kernel::Forward, Layout::BatchFirst, 1};
  Series few = many;
  few.few_samples = true;
  std::vector<Ratio> ratios = {ratio_of(many, {16, 8, 64}, 0.9, 4), ratio_of(few, {16, 8, 1}, 0.9, 2)};
  EXPECT_EQ(ratio_table(ratios),
            "Time of the dense product on OpenBLAS divided by time of the CSR product: above 1, CSR is faster\n"
            "\n"
            "batch_first, 1 thread\n"
            "  kernel    M x K x N        90 %   crossover\n"
            "  -------------------------------------------\n"
            "  forward   16x8x64          4.00\n"
            "            geometric mean   4.00     <= 90 %\n"
            "\n"
            "batch_first, 1 thread, 1 sample: dense is the faster of OpenBLAS and Gossamer's own\n"
            "  kernel    M x K x N        90 %   crossover\n"
            "  -------------------------------------------\n"
            "  forward   16x8x1           2.00\n"
            "            geometric mean   2.00     <= 90 %\n");
  ratios.push_back(ratio_of(few, {16, 8, 8}, 0.9, 1));
  EXPECT_NE(ratio_table(ratios).find("1 thread, 1 to 8 samples: dense"), std::string::npos);
  const auto json = nlohmann::json::parse(ratio_json(ratios));
  EXPECT_FALSE(json.at("geomean").at(0).at("few_samples"));
  EXPECT_TRUE(json.at("geomean").at(1).at("few_samples"));
}

TEST(RatioJson, HoldsRatiosMeansCrossoversAndPeers) {
  const auto json = nlohmann::json::parse(ratio_json(some_ratios()));
  EXPECT_TRUE(json.at("machine").is_object());
  ASSERT_EQ(json.at("ratios").size(), 7U);
  EXPECT_EQ(json["ratios"][3], nlohmann::json::parse(R"({"kernel": "step", "layout": "batch_first", "m": 32, "k": 32,
      "n": 128, "sparsity": 0.9, "threads": 1, "sparse_s": 0.0625, "dense_s": 1.0, "ratio": 16.0})"));
  ASSERT_EQ(json.at("geomean").size(), 5U);
  EXPECT_EQ(json["geomean"][4], nlohmann::json::parse(R"({"kernel": "step", "layout": "native", "few_samples": false,
      "sparsity": 0.9, "threads": 2, "ratio": 0.5})"));
  ASSERT_EQ(json.at("crossover").size(), 3U);
  EXPECT_EQ(json["crossover"][1], nlohmann::json::parse(R"({"kernel": "forward", "layout": "batch_first",
      "few_samples": false, "threads": 1, "sparsity": 0.5})"));
  EXPECT_TRUE(json["crossover"][2].at("sparsity").is_null());
  ASSERT_EQ(json.at("peers").size(), 2U);
  EXPECT_EQ(json["peers"][0].at("library"), "peer");
  EXPECT_EQ(json["peers"][0].at("ratio"), 0.25);
}

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(RatioPlot, HasAPointForEveryMeanAPanelForEveryLayoutAndAnEscapedMachine) {
  const std::string svg = ratio_plot(geometric_means(some_ratios()), "A & <B>");
  EXPECT_EQ(svg.find("<svg "), 0U);
  EXPECT_EQ(svg.substr(svg.size() - 7), "</svg>\n");
  EXPECT_EQ(count(svg, "<circle"), 7U);
  EXPECT_EQ(count(svg, ">batch_first, 1 thread<"), 1U);
  EXPECT_EQ(count(svg, ">native, 2 threads<"), 1U);
  EXPECT_EQ(count(svg, "A &amp; &lt;B>"), 1U);
  EXPECT_EQ(count(svg, "<g "), count(svg, "</g>"));
  EXPECT_EQ(count(svg, "nan"), 0U);
}

}  // namespace
}  // namespace gossamer::bench::test_output
