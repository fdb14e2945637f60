// The command line program `gossamer`.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string_view>

#include "cli/demo.h"
#include "gossamer/runtime.h"

namespace gossamer::cli {

namespace {

void log_warning(LogLevel level, std::string_view message) {
  if (level == LogLevel::Warning) fmt::print(stderr, "gossamer: warning: {}\n", message);
}

int run(int argc, char** argv) {
  CLI::App app("Gossamer trains neural networks with truly sparse weights.", "gossamer");
  app.require_subcommand(1);
  CLI::App* demo = app.add_subcommand("demo", "train on Fashion-MNIST, dense and sparse, and compare");
  DemoOptions options;
  int threads = 0;
  demo->add_option("--data", options.data, "folder with the four IDX files of Fashion-MNIST")->capture_default_str();
  demo->add_option("--epochs", options.epochs, "passes over the training images")
      ->check(CLI::Range(int64_t{1}, int64_t{10000}))
      ->capture_default_str();
  demo->add_option("--seed", options.seed, "of initial values, order of images and patterns")->capture_default_str();
  demo->add_option("--sparsity", options.sparsity, "share of zeros in the two large layers, in [0, 1)")
      ->capture_default_str();
  demo->add_option("--threads", threads, "number of threads; default: all cores")->check(CLI::Range(1, 1024));
  demo->add_option("--json", options.json, "also write the figures to this file");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // --help
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
