// Operations outside of the products, forward and backward, and an AdamW step: with sizes in L1, in L3 and beyond. With
// --turns THREADS [SIMD TARGET] it measures on request instead, for compare_torch.py, which takes turns with PyTorch:
// each line of the standard input, "OP ELEMENTS CALLS", is answered with the seconds of so many calls.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/machine.h"
#include "bench/program.h"
#include "bench/random.h"
#include "bench/timing.h"
#include "gossamer/ops.h"
#include "gossamer/optim/adadelta.h"
#include "gossamer/optim/adagrad.h"
#include "gossamer/optim/adam.h"
#include "gossamer/optim/adamax.h"
#include "gossamer/optim/asgd.h"
#include "gossamer/optim/lion.h"
#include "gossamer/optim/nadam.h"
#include "gossamer/optim/radam.h"
#include "gossamer/optim/rmsprop.h"
#include "gossamer/optim/rprop.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/parameter.h"
#include "gossamer/runtime.h"

namespace gossamer::bench {
namespace {

using Step = std::function<void()>;

// Operands are matrices of rows of this length, or of fewer elements in all.
constexpr int64_t kRow = 1024;

Shape matrix(int64_t elements) {
  const int64_t row = std::min(elements, kRow);
  return {elements / row, row};
}

Tensor leaf(int64_t elements, uint64_t key) { return uniform(matrix(elements), key).set_requires_grad(); }

// One operand; the gradient of a result that is no scalar is given.
Step unary(int64_t elements, Tensor (*op)(const Tensor&)) {
  const Tensor x = leaf(elements, 1);
  const Tensor grad = uniform(x.shape(), 2);
  return [=] {
    const Tensor y = op(x);
    y.rank() == 0 ? y.backward() : y.backward(grad);
    x.set_grad({});
  };
}

Step binary(int64_t elements, Tensor (*op)(const Tensor&, const Tensor&)) {
  const Tensor a = leaf(elements, 1), b = leaf(elements, 2);
  const Tensor grad = uniform(a.shape(), 3);
  return [=] {
    op(a, b).backward(grad);
    a.set_grad({});
    b.set_grad({});
  };
}

Step layer_norm_step(int64_t elements) {
  const Tensor x = leaf(elements, 1);
  const Tensor weight = leaf(x.dim(1), 2).alias({x.dim(1)}).set_requires_grad();
  const Tensor bias = leaf(x.dim(1), 3).alias({x.dim(1)}).set_requires_grad();
  const Tensor grad = uniform(x.shape(), 4);
  return [=] {
    layer_norm(x, weight.shape(), weight, bias).backward(grad);
    for (const Tensor& t : {x, weight, bias}) t.set_grad({});
  };
}

Step cross_entropy_step(int64_t elements) {
  const Tensor x = leaf(elements, 1);
  Tensor targets = Tensor::empty({x.dim(0)}, DType::i64);
  for (int64_t i = 0; i < x.dim(0); ++i) targets.mutable_data<int64_t>()[i] = i * 37 % x.dim(1);
  return [=] {
    cross_entropy(x, targets).backward();
    x.set_grad({});
  };
}

template <class Optimizer, class Options>
std::function<Step(int64_t)> rule(const Options& options) {
  return [options](int64_t elements) -> Step {
    const Parameter weight(uniform(matrix(elements), 1));
    weight.tensor().backward(uniform(matrix(elements), 2));
    const auto optimizer = std::make_shared<Optimizer>(std::vector{weight}, options);
    return [=] { optimizer->step(); };
  };
}

const std::map<std::string, std::function<Step(int64_t)>>& ops() {
  using X = const Tensor&;
  const auto one = [](Tensor (*op)(X)) { return [op](int64_t n) { return unary(n, op); }; };
  const auto two = [](Tensor (*op)(X, X)) { return [op](int64_t n) { return binary(n, op); }; };
  static const std::map<std::string, std::function<Step(int64_t)>> table = {
      {"exp", one(exp)},
      {"tanh", one(tanh)},
      {"gelu", one([](X x) { return gelu(x); })},
      {"gelu_tanh", one([](X x) { return gelu(x, {.approximate = GeluApproximation::Tanh}); })},
      {"silu", one(silu)},
      {"relu", one(relu)},
      {"add", two(add)},
      {"mul", two(mul)},
      {"softmax", one([](X x) { return softmax(x); })},
      {"log_softmax", one([](X x) { return log_softmax(x); })},
      {"layer_norm", layer_norm_step},
      {"cross_entropy", cross_entropy_step},
      {"sum", one([](X x) { return sum(x); })},
      {"mean", one([](X x) { return mean(x); })},
      {"adadelta", rule<optim::Adadelta, optim::AdadeltaOptions>({.lr = 1e-3})},
      {"adagrad", rule<optim::Adagrad, optim::AdagradOptions>({.lr = 1e-3})},
      {"adamax", rule<optim::Adamax, optim::AdamaxOptions>({.lr = 1e-3})},
      {"adamw", rule<optim::AdamW, optim::AdamWOptions>({.lr = 1e-3, .weight_decay = 0.01})},
      {"asgd", rule<optim::ASGD, optim::AsgdOptions>({.lr = 1e-3})},
      {"lion", rule<optim::Lion, optim::LionOptions>({.lr = 1e-3})},
      {"nadam", rule<optim::NAdam, optim::NAdamOptions>({.lr = 1e-3})},
      {"radam", rule<optim::RAdam, optim::RAdamOptions>({.lr = 1e-3})},
      {"rmsprop", rule<optim::RMSprop, optim::RmspropOptions>({.lr = 1e-3})},
      {"rprop", rule<optim::Rprop, optim::RpropOptions>({.lr = 1e-3})},
      {"sgd", rule<optim::SGD, optim::SgdOptions>({.lr = 1e-3, .momentum = 0.9})},
  };
  return table;
}

int answer_requests(int threads) {
  std::string op, current;
  int64_t elements = 0, calls = 0;
  Step step;
  with_threads(threads, [&] {
    while (std::cin >> op >> elements >> calls) {
      const std::string asked = fmt::format("{} {}", op, elements);
      if (asked != current) {
        step = nullptr;
        step = ops().at(op)(elements);
        current = asked;
      }
      std::cout << seconds(threads, [&] {
        for (int64_t i = 0; i < calls; ++i) step();
      }) << std::endl;
    }
  });
  return 0;
}

int run(int argc, char** argv) {
  if (argc >= 3 && argv[1] == std::string_view("--turns")) {
    if (argc == 4) set_simd_target(argv[3]);
    return answer_requests(std::stoi(argv[2]));
  }
  for (const auto& [name, make] : ops()) {
    for (const int64_t elements : {int64_t{4} << 10, int64_t{1} << 20, int64_t{32} << 20}) {
      add_benchmark(fmt::format("{}/{}", name, elements), [&make = make, elements](benchmark::State& state) {
        Contender contender[] = {{make(elements), {}}};
        take_turns(contender, {.budget_s = 0.2});
        set_time(state, contender[0].time());
        state.counters["ns/element"] = 1e9 * contender[0].time() / static_cast<double>(elements);
      });
    }
  }
  return run_benchmarks(argc, argv);
}

}  // namespace
}  // namespace gossamer::bench

int main(int argc, char** argv) {
  return gossamer::bench::run_program("bench_ops", [&] { return gossamer::bench::run(argc, argv); });
}
