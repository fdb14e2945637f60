#include "bench/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <thread>

#include "runtime/check.h"

namespace gossamer::bench {

namespace {

constexpr LayerSize kSizes[] = {{1024, 1024, 256}, {4096, 1024, 512}, {1024, 4096, 512},
                                {768, 768, 128},   {2048, 2048, 64},  {512, 512, 2048}};
constexpr double kSparsities[] = {0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99};
constexpr double kQuickBudget = 140;
constexpr double kFullBudget = 600;

LayerSize parse_size(const std::string& text) {
  int64_t sizes[3] = {};
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (int i = 0; i < 3; ++i) {
    const auto [next, error] = std::from_chars(at, end, sizes[i]);
    const bool last = i == 2;
    if (error != std::errc() || sizes[i] < 1 || (last ? next != end : next == end || *next != 'x')) {
      fail<ConfigError>("--shapes", "a shape must be MxKxN, outputs, inputs and samples", fmt::format("'{}'", text),
                        "for instance 1024x784x128");
    }
    at = next + (last ? 0 : 1);
  }
  return {sizes[0], sizes[1], sizes[2]};
}

template <class T, size_t N>
T parse_name(const char* option, const T (&all)[N], const std::string& text) {
  std::string names;
  for (const T value : all) {
    if (name(value) == text) return value;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", name(value));
  }
  fail<ConfigError>(option, fmt::format("must be among {}", names), fmt::format("'{}'", text));
}

}  // namespace

std::optional<Options> parse_options(int argc, char** argv) {
  Options options;
  std::vector<std::string> sizes, kernels, layouts;
  int64_t batch = 0;
  CLI::App app("Times CSR products against dense ones on OpenBLAS, in turns, and prints the ratios.", "bench_ratios");
  app.allow_extras();
  app.footer("Google Benchmark's own options, such as --benchmark_filter=REGEX, are understood as well.");
  app.add_flag("--quick", options.quick, "one thread and the table alone, within 3 minutes");
  app.add_option("--shapes", sizes, "MxKxN,...: outputs, inputs and samples")->delimiter(',');
  app.add_option("--sparsities", options.sparsities, "shares of zeros, in (0, 1)")->delimiter(',');
  app.add_option("--batch", batch, "samples N, in place of those of the shapes")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 24));
  app.add_option("--threads", options.threads, "numbers of threads; default: 1, without --quick also all cores")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024));
  app.add_option("--kernels", kernels, "forward, input_grad, weight_grad, step (all three in a graph); default: all")
      ->delimiter(',');
  app.add_option("--layouts", layouts, "batch_first, native; default: both")->delimiter(',');
  app.add_option("--budget", options.budget_s, "seconds for all measurements together")->check(CLI::PositiveNumber);
  app.add_option("--json", options.json, "also write the figures to this file");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) {
      app.exit(e);
      return std::nullopt;
    }
    fail<ConfigError>("bench_ratios", "the options must be valid", e.what(), "--help lists them");
  }
  options.rest = app.remaining();

  for (const std::string& text : sizes) options.sizes.push_back(parse_size(text));
  if (sizes.empty()) options.sizes.assign(std::begin(kSizes), std::end(kSizes));
  if (batch > 0) {
    for (LayerSize& size : options.sizes) size.n = batch;
  }
  for (const double s : options.sparsities) {
    if (!(s > 0 && s < 1)) {
      fail<ConfigError>("--sparsities", "a sparsity must lie between 0 and 1, both excluded", fmt::format("{}", s));
    }
  }
  if (options.sparsities.empty()) options.sparsities.assign(std::begin(kSparsities), std::end(kSparsities));
  for (const std::string& text : kernels) options.kernels.push_back(parse_name("--kernels", kKernels, text));
  if (kernels.empty()) options.kernels.assign(std::begin(kKernels), std::end(kKernels));
  for (const std::string& text : layouts) options.layouts.push_back(parse_name("--layouts", kLayouts, text));
  if (layouts.empty()) options.layouts.assign(std::begin(kLayouts), std::end(kLayouts));
  if (options.threads.empty()) {
    options.threads = {1};
    const auto cores = static_cast<int>(std::thread::hardware_concurrency());
    if (!options.quick && cores > 1) options.threads.push_back(cores);
  }
  if (options.budget_s == 0) options.budget_s = options.quick ? kQuickBudget : kFullBudget;
  return options;
}

}  // namespace gossamer::bench
