// What a change of pattern costs, on one thread: each part of it in training steps of the layer (forward, input
// gradient and weight gradient; "steps") and in dense weight gradients of the same shape ("dense_grads"). Every
// iteration times all three, so that the ratios compare the same moments of the machine.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "bench/program.h"
#include "bench/random.h"
#include "bench/timing.h"
#include "gossamer/functional.h"
#include "gossamer/nn/linear.h"
#include "gossamer/ops.h"
#include "gossamer/runtime.h"
#include "gossamer/sparse/rigl.h"
#include "gossamer/sparse/set.h"
#include "ops/dense_products.h"
#include "parameter/access.h"
#include "sparse/selection/growth.h"
#include "sparse/selection/select.h"
#include "tensor/csr/stream.h"

namespace gossamer::bench {
namespace {

// A CSR layer of rows x cols with a batch, its output gradient and room for the dense gradient.
struct Problem {
  Problem(int64_t rows_, int64_t cols_, int64_t samples_, double sparsity_)
      : rows(rows_),
        cols(cols_),
        samples(samples_),
        sparsity(sparsity_),
        weight(make_weight(rows, cols, sparsity)),
        x(uniform({samples, cols}, 1)),
        dy(uniform({samples, rows}, 2)),
        dense_grad(static_cast<size_t>(rows * cols)) {
    x.set_requires_grad();
  }

  static Parameter make_weight(int64_t rows, int64_t cols, double sparsity) {
    Generator rng(3);
    Parameter weight = nn::Linear({.in = cols, .out = rows, .bias = false, .sparsity = sparsity}, rng).parameters()[0];
    weight.set_name("weight");
    return weight;
  }

  void step() {
    weight.zero_grad();
    x.set_grad({});
    linear(x, weight).backward(dy);
  }
  void dense_weight_gradient() {
    dense_weight_grad(DenseSize{samples, cols, rows}, std::as_const(dy).data<float>(), std::as_const(x).data<float>(),
                      dense_grad.data());
  }

  int64_t rows, cols, samples;
  double sparsity;
  Parameter weight;
  std::shared_ptr<SlotArray> moments[2]{ParameterAccess::make_slot_array(weight),
                                        ParameterAccess::make_slot_array(weight)};  // as an optimizer has them
  Tensor x, dy;
  std::vector<float> dense_grad;
};

// Arguments: rows M, columns K, samples N, sparsity in percent. Before each run of `body` comes `prepare`, untimed.
template <class Prepare, class Body>
void measure(benchmark::State& state, Problem& problem, const Prepare& prepare, const Body& body) {
  with_threads(1, [&] {
    std::vector<double> own, step, dense;
    problem.step();
    for (auto _ : state) {
      // What a step needs of the pattern is there before it is timed.
      CsrPatternAccess::transposed(*problem.weight.pattern());
      step.push_back(seconds(1, [&] { problem.step(); }));
      dense.push_back(seconds(1, [&] { problem.dense_weight_gradient(); }));
      prepare();
      own.push_back(seconds(1, body));
      state.SetIterationTime(own.back());
      benchmark::ClobberMemory();
    }
    const double time = median(own);
    state.counters["steps"] = time / median(step);
    state.counters["dense_grads"] = time / median(dense);
    state.counters["ns_per_nnz"] = time * 1e9 / static_cast<double>(problem.weight.nnz());
    CsrPatternAccess::transposed(*problem.weight.pattern());
    state.counters["index_bytes_per_nnz"] =
        static_cast<double>(problem.weight.index_bytes()) / static_cast<double>(problem.weight.nnz());
  });
}

Problem make_problem(const benchmark::State& state) {
  return {state.range(0), state.range(1), state.range(2), static_cast<double>(state.range(3)) / 100.0};
}

void create(benchmark::State& state) {
  Problem problem = make_problem(state);
  const Csr csr = problem.weight.pattern()->csr();
  std::shared_ptr<const CsrPattern> pattern;
  measure(
      state, problem, [&] { pattern = nullptr; },
      [&] { pattern = CsrPattern::create(problem.rows, problem.cols, csr.row_ptr, csr.col_idx); });
}

void transposed(benchmark::State& state) {
  Problem problem = make_problem(state);
  const Csr csr = problem.weight.pattern()->csr();
  std::shared_ptr<const CsrPattern> pattern;
  measure(
      state, problem, [&] { pattern = CsrPattern::create(problem.rows, problem.cols, csr.row_ptr, csr.col_idx); },
      [&] { CsrPatternAccess::transposed(*pattern); });
}

void between(benchmark::State& state) {
  Problem problem = make_problem(state);
  const auto other = Problem::make_weight(problem.rows, problem.cols, problem.sparsity + 0.001).pattern();
  TopologyChange change;
  measure(
      state, problem, [&] { change = {}; },
      [&] { change = TopologyChange::between(*problem.weight.pattern(), other); });
}

// RigL's growth alone: the gradient's blocks, and the search in them.
void growth(benchmark::State& state) {
  Problem problem = make_problem(state);
  const sparse::Groups groups{problem.rows, problem.cols};
  const int64_t missing = problem.weight.nnz() * 3 / 10;
  const sparse::Positions kept = sparse::largest_magnitudes(*problem.weight.pattern(), problem.weight.values(), groups,
                                                            problem.weight.nnz() - missing);
  GradientTap tap;
  tap.add_product(problem.x, problem.dy);
  measure(
      state, problem, [] {},
      [&] {
        sparse::GradientGrowth growth(kept, groups, {missing});
        tap.for_each_block(problem.rows, problem.cols,
                           [&](int64_t row, const Tensor& block) { growth.offer(row, block); });
        benchmark::DoNotOptimize(growth.take());
      });
}

// A whole update, and the plan that the next backward pass needs.
template <class Algorithm>
void update(benchmark::State& state, Algorithm algorithm) {
  Problem problem = make_problem(state);
  algorithm.apply({problem.weight});
  measure(
      state, problem, [&] { problem.step(); },
      [&] {
        algorithm.update();
        CsrPatternAccess::transposed(*problem.weight.pattern());
      });
}

double sparsity_of(const benchmark::State& state) { return static_cast<double>(state.range(3)) / 100.0; }

void set_update(benchmark::State& state) { update(state, sparse::SET({.sparsity = sparsity_of(state)})); }
void rigl_update(benchmark::State& state) { update(state, sparse::RigL({.sparsity = sparsity_of(state)})); }

void arguments(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"M", "K", "N", "sparsity"})->UseManualTime()->Iterations(9)->Unit(benchmark::kMillisecond);
  for (const int64_t sparsity : {80, 90, 95, 99}) {
    bench->Args({1024, 1024, 256, sparsity})->Args({4096, 1024, 256, sparsity});
  }
}

BENCHMARK(create)->Apply(arguments);
BENCHMARK(transposed)->Apply(arguments);
BENCHMARK(between)->Apply(arguments);
BENCHMARK(growth)->Apply(arguments);
BENCHMARK(set_update)->Apply(arguments);
BENCHMARK(rigl_update)->Apply(arguments);

}  // namespace
}  // namespace gossamer::bench

int main(int argc, char** argv) {
  return gossamer::bench::run_program("bench_pattern", [&] { return gossamer::bench::run_benchmarks(argc, argv); });
}
