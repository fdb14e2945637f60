// The parts of a run as a checkpoint sees them: what they save, and loading that can be taken back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "gossamer/train/checkpoint.h"

namespace gossamer::train {

// In the order of loading: states belong to patterns, and what the application brings may do anything.
enum class Stage { Value, Model, Optimizer, Averages, Algorithm, Application };
inline constexpr Stage kStages[] = {Stage::Value,    Stage::Model,     Stage::Optimizer,
                                    Stage::Averages, Stage::Algorithm, Stage::Application};

// One part while a run is loaded. Made before anything of the run changes.
class PartLoad {
 public:
  virtual ~PartLoad() = default;
  virtual void load(const StateDict& dict) = 0;
  // All parts were loaded.
  virtual void commit() noexcept {}
  // The part becomes what it was, whether it was loaded or not. Parts are called in the order of their stages.
  virtual void undo() noexcept {}
};

class Part {
 public:
  Part(std::string name, Stage stage) : name_(std::move(name)), stage_(stage) {}
  virtual ~Part() = default;
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  const std::string& name() const { return name_; }
  Stage stage() const { return stage_; }

  // What the part is, where it is a model or an algorithm.
  virtual const nn::Module* model() const { return nullptr; }
  virtual const sparse::SparsityAlgorithm* algorithm() const { return nullptr; }

  virtual StateDict state_dict(const StateDictOptions& options) const = 0;
  // `is_last`: nothing that may throw comes after this load.
  virtual std::unique_ptr<PartLoad> begin_load(bool is_last) const = 0;

 private:
  std::string name_;
  Stage stage_;
};

std::shared_ptr<const Part> make_part(const std::string& name, nn::Module& model);
std::shared_ptr<const Part> make_part(const std::string& name, optim::Optimizer& optimizer);
std::shared_ptr<const Part> make_part(const std::string& name, sparse::SparsityAlgorithm& algorithm);
std::shared_ptr<const Part> make_part(const std::string& name, sparse::InTimeOverParameterization& itop);
std::shared_ptr<const Part> make_part(const std::string& name, optim::LrScheduler& scheduler);
std::shared_ptr<const Part> make_part(const std::string& name, optim::ReduceLrOnPlateau& scheduler);
std::shared_ptr<const Part> make_part(const std::string& name, optim::ExponentialMovingAverage& averages);
std::shared_ptr<const Part> make_part(const std::string& name, data::DataLoader& loader);
std::shared_ptr<const Part> make_part(const std::string& name, Generator& generator);
std::shared_ptr<const Part> make_part(const std::string& name, int64_t& counter);
std::shared_ptr<const Part> make_part(const std::string& name, double& scalar);
std::shared_ptr<const Part> make_part(const std::string& name, std::function<StateDict()> state_dict,
                                      std::function<void(const StateDict&)> load_state_dict);

}  // namespace gossamer::train
