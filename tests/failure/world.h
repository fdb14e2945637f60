// A small network in training, all bytes of which can be compared.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/gossamer.h"

namespace gossamer::test {

// Names of everything that a test goes through.
const std::vector<std::string>& algorithm_names();
const std::vector<std::string>& optimizer_names();

struct WorldOptions {
  std::string algorithm = "RigL";
  std::string optimizer = "AdamW";
  Execution execution = Execution::Csr;
  int64_t batch = 4;
  int64_t width = 12;
  int steps = 3;           // taken before; the fourth is an update step
  bool callbacks = false;  // schedules, update steps, hooks and first patterns are functions that call callback()
};

struct World {
  explicit World(const WorldOptions& options);

  // Of step `step`, always the same.
  Tensor loss(uint64_t step);
  void backward(uint64_t step);
  void train(uint64_t step);

  // Every byte of parameters, gradients, what backward retained, states and counters.
  std::string digest() const;

  WorldOptions options;
  Generator rng{7};
  std::unique_ptr<nn::Sequential> model;
  std::unique_ptr<optim::Optimizer> optimizer;
  std::shared_ptr<sparse::SparsityAlgorithm> sparsity;
};

// Shape, element type and bytes of a tensor; "-" where it is undefined.
std::string bytes_of(const Tensor& tensor);
std::string bytes_of(const Parameter& parameter);

std::unique_ptr<nn::Sequential> make_model(const WorldOptions& options, Generator& rng);
std::shared_ptr<sparse::SparsityAlgorithm> make_algorithm(const WorldOptions& options);
std::unique_ptr<optim::Optimizer> make_optimizer(std::string_view name, const std::vector<Parameter>& parameters);

struct Scene {
  std::function<void()> act;
  std::function<std::string()> digest;
};
// `act` on a world after some steps of training, and after `prepare`.
using Act = std::function<void(World&)>;
std::function<Scene()> scene(
    const WorldOptions& options, const Act& act, const Act& prepare = [](World&) {});

// Fails every allocation of `act` in turn, once and from then on: what it throws must be std::bad_alloc and leave
// `digest` as it was; whenever it succeeds, and in the end it does, the digest must be that of a run in which nothing
// failed; afterwards nothing more must live than before.
void fail_every_allocation(const std::function<Scene()>& make);
// The same with callbacks, whose exception must come out.
void fail_every_callback(const std::function<Scene()>& make);

}  // namespace gossamer::test
