#include "bench/program.h"

#include <cstdio>
#include <exception>
#include <utility>

#include "bench/machine.h"

namespace gossamer::bench {

void add_benchmark(const std::string& title, std::function<void(benchmark::State&)> body) {
  benchmark::RegisterBenchmark(title.c_str(), std::move(body))
      ->UseManualTime()
      ->Iterations(1)
      ->Unit(benchmark::kMicrosecond);
}

void set_time(benchmark::State& state, double seconds) {
  for (auto _ : state) state.SetIterationTime(seconds);
}

int run_benchmarks(int argc, char** argv, benchmark::BenchmarkReporter* reporter) {
  benchmark::AddCustomContext("machine", describe(machine()));
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks(reporter);
  return 0;
}

int run_program(const char* program, const std::function<int()>& body) {
  try {
    return body();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", program, error.what());
    return 1;
  }
}

}  // namespace gossamer::bench
