#include "bench/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <memory>
#include <thread>
#include <utility>

#include "bench/pattern_file.h"
#include "bench/patterns.h"
#include "config/config_errors.h"
#include "gossamer/runtime.h"
#include "runtime/check.h"

namespace gossamer::bench {

namespace {

constexpr LayerSize kSizes[] = {{1024, 1024, 256}, {4096, 1024, 512}, {1024, 4096, 512},
                                {768, 768, 128},   {2048, 2048, 64},  {512, 512, 2048}};
// Weights that a cache holds, and one that none does.
constexpr LayerSize kServing[] = {{1024, 1024, 1}, {4096, 1024, 1}, {1024, 4096, 1}, {4096, 4096, 1}};
constexpr double kSparsities[] = {0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99};
constexpr int64_t kBatch = 256;  // with a pattern file
constexpr double kQuickBudget = 140;
constexpr double kFullBudget = 600;

// What the command line says, before defaults.
struct CommandLine {
  std::vector<std::string> shapes, kernels, layouts, peers;
  std::vector<double> sparsities;
  std::vector<int> threads;
  int64_t batch = 0;
  std::optional<double> budget_s;
  std::filesystem::path pattern;
  std::string tensor, simd, execution = "auto";
};

// `batch` is the number of samples of all shapes, or 0 where each has its own.
LayerSize parse_size(const std::string& text, int64_t batch) {
  std::vector<int64_t> sizes;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (bool more = true; more;) {
    int64_t size = 0;
    const auto [next, error] = std::from_chars(at, end, size);
    more = next != end && *next == 'x' && sizes.size() < 2;
    if (error != std::errc() || size < 1 || size >= int64_t{1} << 31 || (!more && next != end)) break;
    sizes.push_back(size);
    at = more ? next + 1 : next;
  }
  if (batch > 0 && sizes.size() == 2) sizes.push_back(batch);
  if (at != end || sizes.size() != 3) {
    fail<ConfigError>("--shapes", "a shape must be MxKxN: outputs, inputs and samples, or MxK with --batch N",
                      fmt::format("'{}'", text), "for instance 1024x784x128");
  }
  return {sizes[0], sizes[1], batch > 0 ? batch : sizes[2]};
}

// The values with the given names; `defaults` when none is given.
template <class T, class All, class Name>
std::vector<T> by_name(const char* option, const All& all, const Name& name_of, const std::vector<std::string>& names,
                       const std::vector<T>& defaults) {
  if (names.empty()) return defaults;
  std::vector<T> found;
  for (const std::string& wanted : names) {
    std::string known;
    const T* match = nullptr;
    for (const T& value : all) {
      if (name_of(value) == wanted) match = &value;
      known += fmt::format("{}{}", known.empty() ? "" : ", ", name_of(value));
    }
    if (match == nullptr) {
      fail<ConfigError>(option, fmt::format("must be among: {}", known), fmt::format("'{}'", wanted));
    }
    found.push_back(*match);
  }
  return found;
}

void read_user_pattern(const CommandLine& given, Options& options) {
  options.pattern = read_pattern(given.pattern, given.tensor);
  options.pattern_file = given.pattern;
  const CsrPattern& p = *options.pattern;
  if (p.is_full()) {
    fail<ConfigError>("--pattern", "the pattern must have zeros",
                      fmt::format("all of {}x{} are nonzeros", p.rows(), p.cols()));
  }
  options.sizes = {{p.rows(), p.cols(), given.batch > 0 ? given.batch : kBatch}};
  options.sparsities = {p.sparsity()};
}

void choose_layers(const CommandLine& given, Options& options) {
  if (!given.pattern.empty()) return read_user_pattern(given, options);
  for (const std::string& text : given.shapes) options.sizes.push_back(parse_size(text, given.batch));
  if (given.shapes.empty()) {
    options.sizes.assign(std::begin(kSizes), std::end(kSizes));
    for (LayerSize& size : options.sizes) size.n = given.batch > 0 ? given.batch : size.n;
  }
  for (const double s : given.sparsities) {
    if (!(s > 0 && s < 1)) {
      fail<ConfigError>("--sparsities", "a sparsity must lie between 0 and 1, both excluded", fmt::format("{}", s),
                        remedy_of_share(s));
    }
  }
  options.sparsities = given.sparsities;
  if (given.sparsities.empty()) options.sparsities.assign(std::begin(kSparsities), std::end(kSparsities));
  for (const LayerSize& size : options.sizes) {
    for (const double s : options.sparsities) {
      if (nonzeros(size.m, size.k, s) < size.m * size.k) continue;
      fail<ConfigError>("--sparsities", "every weight must have a zero",
                        fmt::format("{} at sparsity {} has none", to_string(size), s));
    }
  }
}

std::string_view execution_name(Execution execution) {
  switch (execution) {
    case Execution::Auto:
      return "auto";
    case Execution::Csr:
      return "csr";
    case Execution::Dense:
      break;
  }
  return "dense";
}

void choose_series(const CommandLine& given, Options& options) {
  const auto name_of = [](auto value) { return name(value); };
  options.kernels =
      by_name<Kernel>("--kernels", kKernels, name_of, given.kernels, {std::begin(kKernels), std::end(kKernels)});
  options.layouts =
      by_name<Layout>("--layouts", kLayouts, name_of, given.layouts, {std::begin(kLayouts), std::end(kLayouts)});
  const std::vector<PeerLibrary>& all = peer_libraries();
  if (given.peers != std::vector<std::string>{"none"}) {
    options.peers = by_name<PeerLibrary>(
        "--peers", all, [](const PeerLibrary& p) { return p.name; }, given.peers,
        options.quick ? std::vector<PeerLibrary>{} : all);
  }
  constexpr Execution kExecutions[] = {Execution::Auto, Execution::Csr, Execution::Dense};
  options.execution = by_name<Execution>("--execution", kExecutions, execution_name, {given.execution}, {}).front();
  options.threads = given.threads;
  if (given.threads.empty()) {
    options.threads = {1};
    const auto cores = static_cast<int>(std::thread::hardware_concurrency());
    if (!options.quick && cores > 1) options.threads.push_back(cores);
  }
}

// The usual table tells what serving gains as well.
void choose_serving(const CommandLine& given, Options& options) {
  const auto among = [](const auto& list, auto value) { return std::ranges::find(list, value) != list.end(); };
  const bool usual = given.shapes.empty() && given.pattern.empty() && given.batch == 0;
  if (!usual || !among(options.kernels, Kernel::Forward) || !among(options.layouts, Layout::BatchFirst)) return;
  if (among(options.threads, 1)) options.serving.assign(std::begin(kServing), std::end(kServing));
}

std::string peer_names() {
  std::string names;
  for (const PeerLibrary& library : peer_libraries()) names += fmt::format("{}, ", library.name);
  return names;
}

}  // namespace

struct OptionParser::Given : CommandLine {};

OptionParser::OptionParser(CLI::App& app, Options defaults, bool with_peers)
    : options_(std::move(defaults)), given_(std::make_unique<Given>()) {
  app.add_flag("--quick", options_.quick,
               "the table alone, within 3 minutes: one thread and no other libraries by default");
  CLI::Option* shapes =
      app.add_option("--shapes", given_->shapes, "outputs, inputs and samples")->delimiter(',')->type_name("MxKxN,...");
  CLI::Option* sparsities = app.add_option("--sparsities", given_->sparsities, "shares of zeros, between 0 and 1")
                                ->delimiter(',')
                                ->type_name("S,...");
  CLI::Option* pattern = app.add_option("--pattern", given_->pattern,
                                        "a weight's pattern, .mtx (Matrix Market), .smtx (DLMC), .safetensors or the "
                                        ".index.json of several, in place of "
                                        "random ones")
                             ->type_name("FILE")
                             ->excludes(shapes)
                             ->excludes(sparsities);
  app.add_option("--tensor", given_->tensor, "which weight of a .safetensors or .index.json")
      ->type_name("NAME")
      ->needs(pattern);
  app.add_option("--batch", given_->batch, "samples N of every shape; with --pattern 256 by default")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 24))
      ->type_name("N");
  app.add_option("--threads", given_->threads, "numbers of threads; default: 1 and all cores")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024))
      ->type_name("T,...");
  app.add_option("--kernels", given_->kernels, "forward, input_grad, weight_grad, step (all three); default: all")
      ->delimiter(',')
      ->type_name("NAME,...");
  app.add_option("--layouts", given_->layouts, "of the batch: batch_first, native (tiles); default: both")
      ->delimiter(',')
      ->type_name("NAME,...");
  app.add_option("--execution", given_->execution,
                 "auto (the faster), csr, dense (parts of W scattered); default: auto")
      ->type_name("NAME");
  if (!with_peers) {
    given_->peers = {"none"};
  } else {
    app.add_option("--peers", given_->peers,
                   fmt::format("other libraries to measure: {}none; default: all", peer_names()))
        ->delimiter(',')
        ->type_name("NAME,...");
  }
  app.add_option("--simd", given_->simd,
                 fmt::format("the best SIMD target that the kernels may use: {}; OPENBLAS_CORETYPE chooses OpenBLAS's",
                             fmt::join(simd_targets(), ", ")))
      ->type_name("NAME");
  app.add_option("--budget", given_->budget_s,
                 fmt::format("time for all measurements; default {:g}, {:g} with --quick", kFullBudget, kQuickBudget))
      ->type_name("SECONDS");
  app.add_option("--json", options_.json, "where the figures go")->type_name("FILE")->capture_default_str();
  app.add_option("--svg", options_.svg, "where the plot goes")->type_name("FILE")->capture_default_str();
}

OptionParser::~OptionParser() = default;

Options OptionParser::finish() {
  if (!given_->simd.empty()) with_path("--simd", [&] { set_simd_target(given_->simd); });
  options_.budget_s = given_->budget_s.value_or(options_.quick ? kQuickBudget : kFullBudget);
  if (!(options_.budget_s > 0)) {
    fail<ConfigError>("--budget", "it must be above 0", fmt::format("{:g}", options_.budget_s));
  }
  choose_layers(*given_, options_);
  choose_series(*given_, options_);
  choose_serving(*given_, options_);
  return options_;
}

std::optional<Options> parse_options(int argc, char** argv) {
  const std::filesystem::path folder = std::filesystem::path(argv[0]).parent_path();
  CLI::App app("Times CSR products against dense ones on OpenBLAS, in turns, and prints the ratios.", "bench_ratios");
  app.allow_extras();
  app.footer("Google Benchmark's options, such as --benchmark_filter=REGEX, are understood as well.");
  Options defaults;
  defaults.json = folder / "ratios.json";
  defaults.svg = folder / "ratios.svg";
  OptionParser parser(app, std::move(defaults), true);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) {
      app.exit(e);
      return std::nullopt;
    }
    fail<ConfigError>("bench_ratios", "the options must be valid", e.what(), "--help lists them");
  }
  Options options = parser.finish();
  options.rest = app.remaining();
  return options;
}

}  // namespace gossamer::bench
