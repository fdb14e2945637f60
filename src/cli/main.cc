// The command line program `gossamer`.
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/version.h"
#include "config/config_errors.h"
#include "gossamer/runtime.h"
#include "runtime/check.h"

namespace gossamer::cli {

namespace {

struct Command {
  const char* name;
  const char* summary;
  Run (*add)(CLI::App& app);
};

constexpr Command kCommands[] = {
    {"bench", "time CSR products against dense ones on OpenBLAS, for shapes or a pattern", add_bench},
    {"convert", "write the sparse weights of a file in another form", add_convert},
    {"demo", "train on Fashion-MNIST, dense and sparse, and compare", add_demo},
    {"inspect", "show how sparse the weights of a file are", add_inspect},
    {"prune", "make the weights of a file sparse", add_prune},
};

void log_warning(LogLevel level, std::string_view message) {
  if (level == LogLevel::Warning) print_warning(message);
}

// Throws ConfigError for a first argument that is neither an option nor a command.
void check_command(int argc, char** argv) {
  const std::string_view given = argc > 1 ? argv[1] : "-";
  if (given.starts_with('-')) return;
  std::vector<std::string> names;
  for (const Command& command : kCommands) names.emplace_back(command.name);
  if (std::ranges::find(names, given) != names.end()) return;
  const std::string must = fmt::format("it must be one of {}", fmt::join(names, ", "));
  names.insert(names.end(), {"--help", "--version"});
  fail<ConfigError>("command", must, fmt::format("got '{}'", given), guess(given, names));
}

// Throws ConfigError for the first option that the command does not know.
void check_options(const CLI::App& app) {
  for (const std::string& given : app.remaining()) {
    if (!given.starts_with("-") || given == "-" || given == "--") continue;
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
    const std::string name = given.substr(0, given.find('='));
    fail<ConfigError>(app.get_name(), fmt::format("the options are {}", fmt::join(names, ", ")),
                      fmt::format("got '{}'", name), guess(name, names));
  }
}

int run(int argc, char** argv) {
  check_command(argc, argv);
  CLI::App app("Gossamer trains neural networks with truly sparse weights.", "gossamer");
  app.require_subcommand(1);
  app.set_help_flag("-h,--help", "print this help");
  app.set_version_flag("--version", version_text, "print the version, the SIMD target and OpenBLAS's");
  std::vector<Run> runs;
  for (const Command& command : kCommands) {
    runs.push_back(command.add(*app.add_subcommand(command.name, command.summary)));
  }
  const auto chosen = [&]() -> const CLI::App* {
    const auto parsed = app.get_subcommands();
    return parsed.empty() ? &app : parsed.front();
  };
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForVersion& e) {  // CLI11 would flush what it prints, and lose the error
    fmt::print("{}\n", e.what());
    flush_output();
    return 0;
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) {  // --help
      app.exit(e);
      flush_output();
      return 0;
    }
    check_options(*chosen());
    fmt::print(stderr, "gossamer: {}\nTry: gossamer {}--help\n", e.what(),
               chosen() == &app ? "" : chosen()->get_name() + " ");
    return 1;
  }

  set_log_callback(log_warning);
  for (size_t i = 0; i < runs.size(); ++i) {
    if (app.got_subcommand(kCommands[i].name)) runs[i]();
  }
  flush_output();
  return 0;
}

}  // namespace

}  // namespace gossamer::cli

int main(int argc, char** argv) {
  try {
    return gossamer::cli::run(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "gossamer: {}\n", gossamer::cli::printable(e.what()));
    return 1;
  }
}
