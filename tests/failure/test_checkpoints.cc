// Every allocation of a checkpoint fails in turn: a run is loaded or as it was, a file is the new one or the old one.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "gossamer/gossamer.h"
#include "tests/failure/failing_new.h"
#include "tests/failure/world.h"
#include "tests/support/files.h"

namespace gossamer::test::test_checkpoints {
namespace {

// A world with what a run has besides.
struct Trained {
  explicit Trained(const WorldOptions& options) : world(options) {
    run.add("model", *world.model).add("optimizer", *world.optimizer).add("sparsity", *world.sparsity);
    run.add("schedule", schedule).add("ema", ema).add("loader", loader).add("rng", world.rng).add("step", step);
    run.add("itop", itop);
  }
  std::string digest() const {
    std::string digest = world.digest() + std::to_string(step) + "," + std::to_string(world.rng.count()) + "," +
                         std::to_string(schedule.steps()) + "," + std::to_string(loader.epoch()) + "," +
                         std::to_string(world.optimizer->lr(0)) + "," + std::to_string(itop.rate()) + "," +
                         std::to_string(ema.num_updates());
    for (const Parameter& p : world.model->parameters()) digest += bytes_of(ema.average(p));
    return digest;
  }

  World world;
  optim::LrScheduler schedule{*world.optimizer, optim::lr::Exponential{.gamma = 0.9}};
  optim::ExponentialMovingAverage ema{world.model->parameters()};
  data::DataLoader loader{std::make_shared<data::TensorDataset>(Tensor::ones({20, 6}), Tensor::zeros({20}, DType::i64)),
                          {.batch_size = 8}};
  sparse::InTimeOverParameterization itop{{world.model->parameters().front()}};
  int64_t step = 0;
  train::Checkpoint run;
};

// Steps further than what it is loaded into, with other values everywhere.
std::unique_ptr<Trained> further(const std::string& algorithm) {
  auto trained = std::make_unique<Trained>(WorldOptions{.algorithm = algorithm, .steps = 5});
  trained->schedule.step(*trained->world.optimizer);
  trained->ema.update();
  trained->loader.set_epoch(3);
  trained->world.rng.next_key();
  trained->step = 5;
  return trained;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(FailedAllocation, LeavesEveryPartOfARunAsItWasThatIsLoaded) {
  SparseForm form = SparseForm::Dense;
  for (const std::string& algorithm : algorithm_names()) {
    SCOPED_TRACE(algorithm);
    form = form == SparseForm::Dense ? SparseForm::Csr : SparseForm::Dense;
    const StateDict dict = further(algorithm)->run.state_dict({.form = form});
    fail_every_allocation([&] {
      auto trained = std::make_shared<Trained>(WorldOptions{.algorithm = algorithm});
      trained->world.backward(3);  // gradients that a load clears
      return Scene{[=, &dict] { trained->run.load_state_dict(dict); }, [=] { return trained->digest(); }};
    });
  }
}

TEST(FailedAllocation, OfASaveLeavesTheOldFileOrTheNewOneAndNoOther) {
  const TempFolder folder;
  const auto path = folder.path() / "run.safetensors";
  const std::unique_ptr<Trained> next = further("RigL");
  fail_every_allocation([&] {
    Trained(WorldOptions{}).run.save(path);
    return Scene{[&] { next->run.save(path); },
                 [&] {
                   const auto files = std::distance(std::filesystem::directory_iterator(folder.path()),
                                                    std::filesystem::directory_iterator());
                   return read_file(path) + next->digest() + std::to_string(files);
                 }};
  });
}

TEST(FailedAllocation, OfALoadFromAFileLeavesTheRunAsItWas) {
  const TempFolder folder;
  const auto path = folder.path() / "run.safetensors";
  further("RigL")->run.save(path);
  fail_every_allocation([&] {
    auto trained = std::make_shared<Trained>(WorldOptions{});
    return Scene{[=] { trained->run.load(path); }, [=] { return trained->digest(); }};
  });
}

TEST(FailedAllocation, LeavesTheFilesOfAManager) {
  const TempFolder folder;
  set_log_callback([](LogLevel, std::string_view) {});
  fail_every_allocation([&] {
    struct Small {
      TempFolder folder;
      double value = 1;
      train::Checkpoint run;
      std::unique_ptr<train::CheckpointManager> manager;
    };
    auto small = std::make_shared<Small>();
    small->run.add("value", small->value);
    small->manager = std::make_unique<train::CheckpointManager>(
        small->run, train::CheckpointManagerOptions{.folder = small->folder.path(), .keep_last = 2});
    small->manager->save(1);
    return Scene{[=] {
                   small->manager->save_in_background(2);
                   small->manager->wait();
                 },
                 [=] { return std::to_string(small->manager->list().size()); }};
  });
  set_log_callback({});
}

}  // namespace
}  // namespace gossamer::test::test_checkpoints
