// A command of the program: its options, and what it does with them.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace gossamer::cli {

// What runs once the command line was parsed; it owns the values of the options.
using Run = std::function<void()>;

// Each adds the options of one command to its parser. They stand in the table of main.cc.
Run add_bench(CLI::App& app);  // bench/command.cc
Run add_convert(CLI::App& app);
Run add_demo(CLI::App& app);
Run add_inspect(CLI::App& app);
Run add_prune(CLI::App& app);

}  // namespace gossamer::cli
