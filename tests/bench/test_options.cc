#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <vector>

#include "bench/options.h"
#include "gossamer/error.h"
#include "tests/support/errors.h"

namespace gossamer::bench::test_options {
namespace {

Options parse(std::initializer_list<std::string> arguments) {
  std::vector<std::string> words = {"somewhere/bench_ratios"};
  words.insert(words.end(), arguments);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  return parse_options(static_cast<int>(argv.size()), argv.data()).value();
}

void expect_refused(std::initializer_list<std::string> arguments, const std::string& message) {
  const std::string said = message_of<ConfigError>([&] { parse(arguments); });
  EXPECT_NE(said.find(message), std::string::npos) << said;
}

TEST(Options, HaveDefaultsForEverything) {
  const Options options = parse({});
  EXPECT_EQ(options.sizes.size(), 6U);
  EXPECT_EQ(options.sparsities, (std::vector<double>{0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99}));
  EXPECT_EQ(options.kernels.size(), 4U);
  EXPECT_EQ(options.layouts.size(), 2U);
  EXPECT_EQ(options.threads.front(), 1);
  EXPECT_EQ(options.json, "somewhere/ratios.json");
  EXPECT_EQ(options.svg, "somewhere/ratios.svg");
  EXPECT_GT(options.budget_s, 0);
}

TEST(Options, QuickMeansOneThreadBothLayoutsAndNoOtherLibraryInLessThanThreeMinutes) {
  const Options options = parse({"--quick"});
  EXPECT_EQ(options.threads, std::vector<int>{1});
  EXPECT_EQ(options.layouts, (std::vector<Layout>{Layout::BatchFirst, Layout::Native}));
  EXPECT_TRUE(options.peers.empty());
  EXPECT_LT(options.budget_s, 180);
}

TEST(Options, TheUsualTableAsksLayersForOneSampleToo) {
  for (const std::initializer_list<std::string>& usual :
       {std::initializer_list<std::string>{}, {"--quick"}, {"--sparsities", "0.9"}, {"--kernels", "step,forward"}}) {
    const std::vector<LayerSize> serving = parse(usual).serving;
    EXPECT_FALSE(serving.empty());
    for (const LayerSize& size : serving) EXPECT_EQ(size.n, 1);
  }
  for (const std::initializer_list<std::string>& other : {std::initializer_list<std::string>{"--shapes", "8x8x8"},
                                                          {"--batch", "4"},
                                                          {"--kernels", "step"},
                                                          {"--layouts", "native"},
                                                          {"--threads", "2"}}) {
    EXPECT_TRUE(parse(other).serving.empty());
  }
}

TEST(Options, TakeLists) {
  const Options options = parse({"--shapes", "10x20x30,4x2x3", "--sparsities=0.25,0.75", "--threads", "1,3",
                                 "--kernels", "step,forward", "--layouts", "native", "--peers", "none"});
  EXPECT_EQ(options.sizes, (std::vector<LayerSize>{{10, 20, 30}, {4, 2, 3}}));
  EXPECT_EQ(parse({"--shapes", "10x20,4x2x3", "--batch", "5"}).sizes, (std::vector<LayerSize>{{10, 20, 5}, {4, 2, 5}}));
  EXPECT_EQ(options.sparsities, (std::vector<double>{0.25, 0.75}));
  EXPECT_EQ(options.threads, (std::vector<int>{1, 3}));
  EXPECT_EQ(options.kernels, (std::vector<Kernel>{Kernel::Step, Kernel::Forward}));
  EXPECT_EQ(options.layouts, std::vector<Layout>{Layout::Native});
  EXPECT_TRUE(options.peers.empty());
}

TEST(Options, NameTheExecutionAndTheSimdTarget) {
  EXPECT_EQ(parse({}).execution, Execution::Auto);
  EXPECT_EQ(parse({"--execution", "dense"}).execution, Execution::Dense);
  EXPECT_EQ(parse({"--execution=csr"}).execution, Execution::Csr);
  expect_refused({"--execution", "fast"}, "--execution: must be among: auto, csr, dense; 'fast'");
  expect_refused({"--simd", "AVX9"}, "--simd: set_simd_target: the target must be among ");
}

TEST(Options, BatchReplacesTheSamplesOfEveryShape) {
  for (const LayerSize& size : parse({"--batch", "7"}).sizes) EXPECT_EQ(size.n, 7);
}

TEST(Options, LeaveWhatTheyDoNotKnowToGoogleBenchmark) {
  EXPECT_EQ(parse({"--quick", "--benchmark_filter=step"}).rest, std::vector<std::string>{"--benchmark_filter=step"});
}

TEST(Options, APatternFileGivesShapeAndSparsity) {
  const std::string file = (std::filesystem::path(::testing::TempDir()) / "options.smtx").string();
  std::ofstream(file) << "2, 4, 2\n0 1 2\n3 0\n";
  const Options options = parse({"--pattern", file, "--batch", "5"});
  EXPECT_EQ(options.sizes, (std::vector<LayerSize>{{2, 4, 5}}));
  EXPECT_EQ(options.sparsities, std::vector<double>{0.75});
  EXPECT_EQ(options.pattern->nnz(), 2);
  EXPECT_EQ(parse({"--pattern", file}).sizes[0].n, 256);
  EXPECT_TRUE(parse({"--pattern", file}).serving.empty());
  expect_refused({"--pattern", file, "--shapes", "1x1x1"}, "excludes");
  expect_refused({"--sparsities", "0.5", "--pattern", file}, "excludes");

  const std::string other = (std::filesystem::path(::testing::TempDir()) / "options.mtx").string();
  std::ofstream(other) << "%%MatrixMarket matrix coordinate pattern general\n2 4 2\n1 4\n2 1\n";
  EXPECT_TRUE(*parse({"--pattern", other}).pattern == *options.pattern);
  expect_refused({"--tensor", "fc1.weight"}, "--tensor requires --pattern");
  expect_refused({"--pattern", "a.txt"},
                 "--pattern: the file's name must end in .mtx, .smtx, .safetensors or .index.json; 'a.txt'");

  std::ofstream(file) << "1, 2, 2\n0 2\n0 1\n";
  expect_refused({"--pattern", file}, "--pattern: the pattern must have zeros; all of 1x2 are nonzeros");
}

TEST(Options, SayWhatIsWrong) {
  for (const char* shape :
       {"", "1", "1x2", "1x2x", "0x2x3", "1x2x3x4", "ax2x3", "1x2x3 ", "1x-2x3", "1x2x3000000000"}) {
    expect_refused({"--shapes", shape}, "shape");
  }
  expect_refused({"--sparsities", "1"}, "--sparsities: a sparsity must lie between 0 and 1, both excluded; 1");
  expect_refused({"--sparsities", "0"}, "both excluded; 0");
  expect_refused({"--sparsities", "85"}, "both excluded; 85; it is a share: 0.85 for 85 %");
  expect_refused({"--shapes", "2x2x8", "--sparsities", "0.1"},
                 "--sparsities: every weight must have a zero; 2x2x8 at sparsity 0.1 has none");
  expect_refused({"--kernels", "backward"},
                 "--kernels: must be among: forward, input_grad, weight_grad, step; 'backward'");
  expect_refused({"--layouts", "row"}, "--layouts: must be among: batch_first, native; 'row'");
  expect_refused({"--peers", "mkl"}, "--peers: must be among: ");
  expect_refused({"--budget", "-1"}, "--budget: it must be above 0; -1");
  expect_refused({"--threads", "0"}, "bench_ratios: the options must be valid; ");
}

}  // namespace
}  // namespace gossamer::bench::test_options
