// A small run with everything that a run has, for tests of checkpoints.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/gossamer.h"
#include "tests/config/config_from_json.h"
#include "tests/support/golden.h"

namespace gossamer::train::test {

// A sparsity algorithm in the words of configure().
struct Algorithm {
  std::string name;
  golden::Json config;
};

// Adam where it is empty.
std::unique_ptr<optim::Optimizer> make_optimizer(const std::string& name, const std::vector<Parameter>& parameters);
const std::vector<std::string>& optimizer_names();

// A network with dropout and running statistics, trained on noisy samples that are drawn from epochs of five batches.
class TinyRun {
 public:
  // The seed makes the initial weights and the state of the generator, which a resumed run does not share.
  TinyRun(const golden::Json& algorithm, const std::string& optimizer, uint64_t seed);

  // Goes on until `step` steps are taken; calls after(*this) after each, with its batch in hand.
  template <class F>
  void train_until(int64_t last, F&& after) {
    while (step < last) {
      for (const data::Batch& batch : loader) {
        take_step(batch);
        after(*this);
        if (step == last) break;
      }
    }
  }
  void train_until(int64_t last) {
    train_until(last, [](const TinyRun&) {});
  }

  // Everything that training leaves, by the accessors of the parts.
  std::string digest() const;

  Generator rng;
  nn::Sequential model;
  std::unique_ptr<optim::Optimizer> optimizer;
  sparse::Group sparsity;
  optim::LrScheduler scheduler;
  optim::ReduceLrOnPlateau plateau{{.patience = 1}};
  optim::ExponentialMovingAverage ema;
  sparse::InTimeOverParameterization itop;
  data::DataLoader loader;
  int64_t step = 0;
  double best_loss = 1e9;
  std::vector<double> losses;  // of the steps taken here
  Checkpoint checkpoint;       // of all of it

 private:
  void take_step(const data::Batch& batch);
};

}  // namespace gossamer::train::test
