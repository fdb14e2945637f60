// Checkpoint: a training run in one file, to be resumed bit for bit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/random.h"
#include "gossamer/state_dict.h"

#pragma GCC visibility push(default)
namespace gossamer::data {
class DataLoader;
}
namespace gossamer::nn {
class Module;
}
namespace gossamer::optim {
class ExponentialMovingAverage;
class LrScheduler;
class Optimizer;
class ReduceLrOnPlateau;
}  // namespace gossamer::optim
namespace gossamer::sparse {
class InTimeOverParameterization;
class SparsityAlgorithm;
}  // namespace gossamer::sparse

namespace gossamer::train {

// Entries of a run's state that are no weights begin with it.
inline constexpr std::string_view kRunPrefix = "__run__.";

struct SaveOptions {
  SparseForm form = SparseForm::Dense;  // of the weights of models
  // Text by name, such as {"config", yaml}. Names that begin with "gossamer." are taken.
  std::map<std::string, std::string> metadata = {};
};

struct LoadRunOptions {
  // Passes over parts that only one side has, the run or the file: to evaluate, or to train on with another optimizer.
  // Every part that both have must fit all the same.
  bool partial = false;
};

// What a load found.
struct CheckpointInfo {
  std::map<std::string, std::string> metadata;
  LoadResult parts;  // with partial = true, the names of the parts passed over
};

// The parts of a run, by name and reference: they stay where they are as long as the checkpoint is used. Copies name
// the same parts.
//
//   train::Checkpoint run;
//   run.add("model", model).add("optimizer", optimizer).add("sparsity", sparsity).add("schedule", scheduler);
//   run.add("loader", loader).add("rng", rng).add("step", step);
//   run.load("run.safetensors");    // in a new process, after the parts were built and applied as they were
//   run.save("run.safetensors");    // between two steps
//
// Options are not saved: parts are built as they were. Gradients are not saved either: save after optimizer.step(), not
// between backward() and it.
//
// Entries: weights and buffers of the model under their own names ("fc1.weight"), as other tools expect them; where
// there are several models, under "<part>.fc1.weight"; everything else under "__run__.<part>.<entry>".
class Checkpoint {
 public:
  Checkpoint();

  // Each throws ConfigError where the name is empty, has a dot, or is taken; and returns *this.
  Checkpoint& add(const std::string& name, nn::Module& model);
  Checkpoint& add(const std::string& name, optim::Optimizer& optimizer);
  Checkpoint& add(const std::string& name, sparse::SparsityAlgorithm& algorithm);
  Checkpoint& add(const std::string& name, sparse::InTimeOverParameterization& itop);
  Checkpoint& add(const std::string& name, optim::LrScheduler& scheduler);
  Checkpoint& add(const std::string& name, optim::ReduceLrOnPlateau& scheduler);
  Checkpoint& add(const std::string& name, optim::ExponentialMovingAverage& averages);
  Checkpoint& add(const std::string& name, data::DataLoader& loader);
  Checkpoint& add(const std::string& name, Generator& generator);  // seed and count
  Checkpoint& add(const std::string& name, int64_t& counter);
  Checkpoint& add(const std::string& name, double& scalar);
  // Anything else: what gives its state, and what takes it up. Such parts are loaded last, in the order of their
  // adding; where a later one throws, a part is put back by loading what it gave before. ConfigError for an empty
  // function.
  Checkpoint& add(const std::string& name, std::function<StateDict()> state_dict,
                  std::function<void(const StateDict&)> load_state_dict);

  // The state of all parts, in tensors of its own. Warns, once, where a sparsity algorithm that changes a model's
  // patterns is no part. Throws what a part's state_dict() throws; StateError where a name of
  // a model begins with "__run__.".
  StateDict state_dict(const SaveOptions& options = {}) const;
  // All parts take up their entries, or, whatever is thrown, none does. Either form of sparse weights is read. Throws
  // FormatError: parts missing or unexpected, entries that do not fit, all of them by part; a sparse model whose masks
  // are missing. StateError from a part that cannot load now, such as an algorithm that was not applied.
  // Returns the parts passed over.
  LoadResult load_state_dict(const StateDict& dict, const LoadRunOptions& options = {}) const;

  // Replaces the file when the new one is durable (io::save_safetensors). Throws FileError; the file is then as it was.
  void save(const std::filesystem::path& path, const SaveOptions& options = {}) const;
  // load_state_dict() of a file, which must have been written by save(). Throws FileError, and FormatError also for a
  // file that is no checkpoint or was written by a later version of the library.
  CheckpointInfo load(const std::filesystem::path& path, const LoadRunOptions& options = {}) const;

 private:
  struct Parts;
  std::shared_ptr<const Parts> parts_;  // replaced when one is added
};

// The weights and buffers of a run's state: what does not begin with "__run__.".
StateDict model_entries(const StateDict& dict);

}  // namespace gossamer::train
#pragma GCC visibility pop
