// What the main functions of the benchmarks share. Figures are taken in turns (timing.h) and shown by Google Benchmark.
#pragma once

#include <benchmark/benchmark.h>

#include <functional>
#include <string>

namespace gossamer::bench {

// Registers a benchmark of one iteration, whose body sets its time and counters itself.
void add_benchmark(const std::string& title, std::function<void(benchmark::State&)> body);
// To be called once in it: the time that is shown.
void set_time(benchmark::State& state, double seconds);

// Runs the registered benchmarks that the arguments select; the machine stands above them. Returns the exit code.
// `reporter` null: the usual output.
int run_benchmarks(int argc, char** argv, benchmark::BenchmarkReporter* reporter = nullptr);

// The body of main(): shows what `body` throws as a message, and returns the exit code.
int run_program(const char* program, const std::function<int()>& body);

}  // namespace gossamer::bench
