// The command line program `gossamer`.
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "cli/demo.h"
#include "cli/output.h"
#include "config/config_errors.h"
#include "gossamer/runtime.h"
#include "runtime/check.h"

namespace gossamer::cli {

namespace {

void log_warning(LogLevel level, std::string_view message) {
  if (level == LogLevel::Warning) fmt::print(stderr, "gossamer: warning: {}\n", message);
}

// CLI11 would wrap -1 to 2^64 - 1.
std::string check_seed(const std::string& text) {
  uint64_t seed = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error == std::errc() && stop == text.data() + text.size()) return "";
  return fmt::format("must be a whole number from 0 to {}; got '{}'", std::numeric_limits<uint64_t>::max(), text);
}

// Throws ConfigError for a first argument that is neither an option nor a command.
void check_command(int argc, char** argv, const std::vector<std::string>& commands) {
  const std::string_view given = argc > 1 ? argv[1] : "-";
  if (given.starts_with('-') || std::ranges::find(commands, given) != commands.end()) return;
  fail<ConfigError>("command", fmt::format("it must be one of {}", fmt::join(commands, ", ")),
                    fmt::format("got '{}'", given), guess(given, commands));
}

int run(int argc, char** argv) {
  check_command(argc, argv, {"demo"});
  CLI::App app("Gossamer trains neural networks with truly sparse weights.", "gossamer");
  app.require_subcommand(1);
  CLI::App* demo = app.add_subcommand("demo", "train on Fashion-MNIST, dense and sparse, and compare");
  DemoOptions options;
  int threads = 0;
  demo->add_option("--data", options.data, "folder with the four IDX files of Fashion-MNIST")->capture_default_str();
  demo->add_option("--epochs", options.epochs, "passes over the training images")
      ->check(CLI::Range(int64_t{1}, int64_t{10000}))
      ->capture_default_str();
  demo->add_option("--seed", options.seed, "of initial values, order of images and patterns")
      ->check(check_seed)
      ->capture_default_str();
  demo->add_option("--sparsity", options.sparsity, "share of zeros in the two large layers, in [0, 1)")
      ->capture_default_str();
  demo->add_option("--threads", threads, "number of threads; default: all cores")->check(CLI::PositiveNumber);
  demo->add_option("--json", options.json, "also write the figures to this file");
  demo->add_option("--save", options.save, "write the sparse run to this file after each epoch");
  demo->add_option("--resume", options.resume, "go on from such a file, with the same options");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) {  // --help
      app.exit(e);
      flush_output();
      return 0;
    }
    fmt::print(stderr, "gossamer: {}\nTry: gossamer {}--help\n", e.what(), demo->parsed() ? "demo " : "");
    return 1;
  }

  set_log_callback(log_warning);
  if (threads > 0) {
    with_threads(threads, [&] { run_demo(options); });
  } else {
    run_demo(options);
  }
  return 0;
}

}  // namespace

}  // namespace gossamer::cli

int main(int argc, char** argv) {
  try {
    return gossamer::cli::run(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "gossamer: {}\n", e.what());
    return 1;
  }
}
