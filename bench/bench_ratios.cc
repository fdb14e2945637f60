// How much faster than dense is CSR? Every kernel, layout, shape and sparsity against OpenBLAS, in turns; at the end a
// table of ratios, a JSON file and a plot.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "bench/json.h"
#include "bench/machine.h"
#include "bench/measurements.h"
#include "bench/options.h"
#include "bench/output.h"
#include "bench/plot.h"
#include "bench/program.h"
#include "bench/ratios.h"
#include "bench/table.h"

namespace gossamer::bench {
namespace {

std::string title(const Group& group, const Series& series) {
  return fmt::format("{}{}/{}/{}/sparsity:{:.4g}/threads:{}", series.library == kOwnLibrary ? "" : series.library + "/",
                     name(series.kernel), name(series.layout), to_string(group.size), group.sparsity, group.threads);
}

void show(benchmark::State& state, const Measured& measured) {
  const Ratio& r = measured.ratio;
  const double dense = dense_flop(r.size, r.series.kernel);
  const double density = static_cast<double>(measured.nnz) / static_cast<double>(r.size.m * r.size.k);
  set_time(state, r.sparse_s);
  state.counters["FLOP/s"] = dense * density / r.sparse_s;
  state.counters["dense-eq.FLOP/s"] = dense / r.sparse_s;
  state.counters["dense.FLOP/s"] = dense / r.dense_s;
  if (measured.bytes > 0) state.counters["bytes/s"] = static_cast<double>(measured.bytes) / r.sparse_s;
  state.counters["ratio"] = r.ratio();
  state.counters["turns"] = measured.turns;
}

void add_benchmarks(Measurements& measurements) {
  for (size_t i = 0; i < measurements.groups().size(); ++i) {
    const Group& group = measurements.groups()[i];
    for (size_t j = 0; j < group.series.size(); ++j) {
      add_benchmark(title(group, group.series[j]), [&measurements, i, j](benchmark::State& state) {
        show(state, measurements.measure(i).measured[j]);
      });
    }
  }
}

// Shows on a terminal how far it is; the table comes at the end.
class Progress final : public benchmark::BenchmarkReporter {
 public:
  explicit Progress(size_t benchmarks) : benchmarks_(benchmarks) {}

  bool ReportContext(const Context& /*context*/) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    done_ += runs.size();
    const double share = static_cast<double>(done_) / static_cast<double>(benchmarks_);
    if (terminal_) fmt::print(stderr, "\r{:3.0f} %", 100 * share);
  }
  void Finalize() override {
    if (terminal_) fmt::print(stderr, "\r{:5}\r", "");
  }

 private:
  size_t benchmarks_;
  size_t done_ = 0;
  bool terminal_ = isatty(STDERR_FILENO) == 1;
};

int run(int argc, char** argv) {
  std::optional<Options> options = parse_options(argc, argv);
  if (!options) return 0;
  check_writable("--json", options->json);
  check_writable("--svg", options->svg);

  Measurements measurements(*options);
  add_benchmarks(measurements);
  size_t count = 0;
  for (const Group& group : measurements.groups()) count += group.series.size();
  Progress progress(count);
  std::vector<char*> rest = {argv[0]};
  for (std::string& argument : options->rest) rest.push_back(argument.data());
  const int code = run_benchmarks(static_cast<int>(rest.size()), rest.data(), options->quick ? &progress : nullptr);
  const std::vector<Ratio> ratios = measurements.ratios();
  if (code != 0 || ratios.empty()) return code;

  const std::string here = describe(machine());
  fmt::print("\n{}\n{}\n", here, ratio_table(ratios));
  write_file("--json", options->json, ratio_json(ratios));
  write_file("--svg", options->svg, ratio_plot(geometric_means(ratios), here));
  fmt::print("written: {} {}\n", options->json.string(), options->svg.string());
  return 0;
}

}  // namespace
}  // namespace gossamer::bench

int main(int argc, char** argv) {
  return gossamer::bench::run_program("bench_ratios", [&] { return gossamer::bench::run(argc, argv); });
}
