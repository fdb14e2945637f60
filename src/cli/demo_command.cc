// gossamer demo: its options.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>

#include "cli/command.h"
#include "cli/demo.h"
#include "cli/options.h"
#include "gossamer/runtime.h"

namespace gossamer::cli {

Run add_demo(CLI::App& app) {
  struct Values {
    DemoOptions demo;
    int threads = 0;
  };
  const auto values = std::make_shared<Values>();
  DemoOptions& demo = values->demo;
  app.add_option("--data", demo.data, "folder with the four IDX files of Fashion-MNIST")
      ->type_name("FOLDER")
      ->capture_default_str();
  app.add_option("--epochs", demo.epochs, "passes over the training images")
      ->type_name("N")
      ->check(CLI::Range(int64_t{1}, int64_t{10000}))
      ->capture_default_str();
  app.add_option("--seed", demo.seed, "of initial values, order of images and patterns")
      ->type_name("N")
      ->check(check_seed)
      ->capture_default_str();
  app.add_option("--sparsity", demo.sparsity, "share of zeros in the two large layers, in [0, 1)")
      ->type_name("S")
      ->check(check_sparsity)
      ->capture_default_str();
  app.add_option("--threads", values->threads, "number of threads; default: all cores")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  app.add_option("--json", demo.json, "also write the figures to this file")->type_name("FILE");
  app.add_option("--save", demo.save, "write the sparse run to this file after each epoch")->type_name("FILE");
  app.add_option("--resume", demo.resume, "go on from such a file, with the same options")->type_name("FILE");
  return [values] {
    if (values->threads > 0) {
      with_threads(values->threads, [&] { run_demo(values->demo); });
    } else {
      run_demo(values->demo);
    }
  };
}

}  // namespace gossamer::cli
