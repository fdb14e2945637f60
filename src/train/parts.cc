#include "train/parts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>
#include <vector>

#include "gossamer/data/loader.h"
#include "gossamer/nn/module.h"
#include "gossamer/optim/ema.h"
#include "gossamer/optim/lr_scheduler.h"
#include "gossamer/optim/optimizer.h"
#include "gossamer/random.h"
#include "gossamer/sparse/algorithm.h"
#include "gossamer/sparse/itop.h"
#include "optim/follower.h"
#include "optim/record.h"
#include "parameter/snapshot.h"
#include "runtime/check.h"
#include "sparse/saved.h"
#include "tensor/arith.h"
#include "tensor/csr/entries.h"
#include "tensor/state_reader.h"

namespace gossamer::train {

namespace {

// ---- Values: loaded into a copy, which then takes the place of the original ----

template <class T>
concept HasStateDict = requires(T& part, const StateDict& dict) {
  {std::as_const(part).state_dict()};
  part.load_state_dict(dict);
};

template <HasStateDict T>
StateDict save_value(const T& value) {
  return value.state_dict();
}
template <HasStateDict T>
void load_value(T& value, const StateDict& dict) {
  value.load_state_dict(dict);
}

// The only entry of a number has no name of its own.
template <class T>
requires std::is_arithmetic_v<T> StateDict save_value(const T& value) { return {{"", state_scalar(value)}}; }
template <class T>
requires std::is_arithmetic_v<T>
void load_value(T& value, const StateDict& dict) {
  StateReader reader(dict);
  value = reader.scalar<T>("");
  reader.finish("load_state_dict", "the entry must be a number as it was saved", "");
}

StateDict save_value(const Generator& generator) {
  return {{"seed", state_scalar(static_cast<int64_t>(generator.seed()))},
          {"count", state_scalar(static_cast<int64_t>(generator.count()))}};
}
void load_value(Generator& generator, const StateDict& dict) {
  StateReader reader(dict);
  Generator loaded(static_cast<uint64_t>(reader.scalar<int64_t>("seed")));
  loaded.set_count(static_cast<uint64_t>(reader.scalar<int64_t>("count")));
  reader.finish("load_state_dict", "the entries must be those of a Generator", "");
  generator = loaded;
}

template <class T>
class ValuePart final : public Part {
 public:
  ValuePart(const std::string& name, T& value) : Part(name, Stage::Value), value_(value) {}

  StateDict state_dict(const StateDictOptions&) const override { return save_value(value_); }

  std::unique_ptr<PartLoad> begin_load(bool) const override {
    static_assert(std::is_nothrow_move_assignable_v<T>);
    struct Load final : PartLoad {
      explicit Load(T& value) : target(value), loaded(value) {}
      void load(const StateDict& dict) override { load_value(loaded, dict); }
      void commit() noexcept override { target = std::move(loaded); }
      T& target;
      T loaded;
    };
    return std::make_unique<Load>(value_);
  }

 private:
  T& value_;
};

// ---- Models ----

void check_masks(const nn::Module& model, const StateDict& dict) {
  std::vector<std::string> without;
  for (const auto& [name, p] : model.named_parameters()) {
    if (p.is_csr() && dict.contains(name) && !dict.contains(mask_entry(name))) without.push_back(name);
  }
  if (without.empty()) return;
  fail<FormatError>("load_state_dict", "a sparse run goes on from masks",
                    fmt::format("weights without: '{}'", fmt::join(without, "', '")),
                    "load the state of a sparse run; to begin one from dense weights, load them into the model before "
                    "model.apply(sparsity)");
}

class ModelPart final : public Part {
 public:
  ModelPart(const std::string& name, nn::Module& model) : Part(name, Stage::Model), model_(model) {}

  const nn::Module* model() const override { return &model_; }
  StateDict state_dict(const StateDictOptions& options) const override { return model_.state_dict(options); }

  std::unique_ptr<PartLoad> begin_load(bool) const override {
    struct Load final : PartLoad {
      explicit Load(nn::Module& m) : model(m) {
        for (const Parameter& p : model.parameters()) {
          parameters.emplace_back(p, ParameterSnapshot::Elements::Held);
        }
        for (const auto& [name, buffer] : model.named_buffers()) {
          make_rows(buffer);
          buffers.emplace_back(buffer, buffer.clone());
        }
      }
      void load(const StateDict& dict) override {
        check_masks(model, dict);
        model.load_state_dict(dict);
      }
      void undo() noexcept override {
        for (ParameterSnapshot& p : parameters) p.restore();
        for (auto& [buffer, copy] : buffers) buffer.copy_from(copy);
      }
      nn::Module& model;
      std::vector<ParameterSnapshot> parameters;
      std::vector<std::pair<Tensor, Tensor>> buffers;
    };
    return std::make_unique<Load>(model_);
  }

 private:
  nn::Module& model_;
};

// ---- Optimizers and averages ----

class OptimizerPart final : public Part {
 public:
  OptimizerPart(const std::string& name, optim::Optimizer& optimizer)
      : Part(name, Stage::Optimizer), optimizer_(optimizer) {}

  StateDict state_dict(const StateDictOptions&) const override { return optimizer_.state_dict(); }

  std::unique_ptr<PartLoad> begin_load(bool) const override {
    struct Saved {
      std::shared_ptr<optim::ParameterRecord> record;
      int64_t step;
      std::vector<optim::StateRecord> states;
    };
    struct Load final : PartLoad {
      explicit Load(optim::Optimizer& o) : optimizer(o) {
        for (const auto& record : optim::OptimizerAccess::records(optimizer)) {
          records.push_back({record, record->step, record->states});
        }
        for (size_t group = 0; group < optimizer.num_param_groups(); ++group) rates.push_back(optimizer.lr(group));
      }
      void load(const StateDict& dict) override { optimizer.load_state_dict(dict); }
      // load_state_dict() replaces arrays, so that those held are as they were.
      void undo() noexcept override {
        for (Saved& saved : records) {
          saved.record->step = saved.step;
          saved.record->states = std::move(saved.states);
        }
        for (size_t group = 0; group < rates.size(); ++group) {
          if (optimizer.lr(group) != rates[group]) optimizer.set_lr(group, rates[group]);
        }
      }
      optim::Optimizer& optimizer;
      std::vector<Saved> records;
      std::vector<double> rates;
    };
    return std::make_unique<Load>(optimizer_);
  }

 private:
  optim::Optimizer& optimizer_;
};

class AveragesPart final : public Part {
 public:
  AveragesPart(const std::string& name, optim::ExponentialMovingAverage& averages)
      : Part(name, Stage::Averages), averages_(averages) {}

  StateDict state_dict(const StateDictOptions&) const override { return averages_.state_dict(); }

  std::unique_ptr<PartLoad> begin_load(bool) const override {
    struct Load final : PartLoad {
      explicit Load(optim::ExponentialMovingAverage& averages) : target(averages) {}
      void load(const StateDict& dict) override {
        if (target.swapped()) {
          fail<StateError>("load_state_dict", "the weights must be in their place", "their averages are",
                           "call swap() before");
        }
        // Averages of the patterns that the models have by now.
        loaded.emplace(target.params(), target.options());
        loaded->load_state_dict(dict);
      }
      void commit() noexcept override { target = std::move(*loaded); }
      optim::ExponentialMovingAverage& target;
      std::optional<optim::ExponentialMovingAverage> loaded;
    };
    return std::make_unique<Load>(averages_);
  }

 private:
  optim::ExponentialMovingAverage& averages_;
};

// ---- Algorithms, and what the application brings: their own state_dict() is what they are put back to ----

// Takes up `before` again where what came later failed. It has no better end when that fails, too: what the library
// holds of an algorithm is restored without it.
void load_again(const std::function<void(const StateDict&)>& load, const StateDict& before) noexcept {
  try {
    load(before);
  } catch (...) {
  }
}

class AlgorithmPart final : public Part {
 public:
  AlgorithmPart(const std::string& name, sparse::SparsityAlgorithm& algorithm)
      : Part(name, Stage::Algorithm), algorithm_(algorithm) {}

  const sparse::SparsityAlgorithm* algorithm() const override { return &algorithm_; }
  StateDict state_dict(const StateDictOptions&) const override { return algorithm_.state_dict(); }

  std::unique_ptr<PartLoad> begin_load(bool is_last) const override {
    struct Load final : PartLoad {
      Load(sparse::SparsityAlgorithm& a, bool is_last) : algorithm(a), saved(a) {
        if (!is_last) before.emplace(a.state_dict());
      }
      ~Load() override { saved.keep(); }
      void load(const StateDict& dict) override {
        algorithm.load_state_dict(dict);
        loaded = true;
      }
      void undo() noexcept override {
        if (loaded && before) load_again([&](const StateDict& dict) { algorithm.load_state_dict(dict); }, *before);
        saved.restore();
      }
      sparse::SparsityAlgorithm& algorithm;
      sparse::SavedAlgorithm::Saved saved;
      std::optional<StateDict> before;
      bool loaded = false;
    };
    return std::make_unique<Load>(algorithm_, is_last);
  }

 private:
  sparse::SparsityAlgorithm& algorithm_;
};

class ApplicationPart final : public Part {
 public:
  ApplicationPart(const std::string& name, std::function<StateDict()> save, std::function<void(const StateDict&)> load)
      : Part(name, Stage::Application), save_(std::move(save)), load_(std::move(load)) {}

  StateDict state_dict(const StateDictOptions&) const override { return save_(); }

  std::unique_ptr<PartLoad> begin_load(bool is_last) const override {
    struct Load final : PartLoad {
      Load(const ApplicationPart& p, bool is_last) : part(p) {
        if (!is_last) before.emplace(part.save_());
      }
      void load(const StateDict& dict) override {
        part.load_(dict);
        loaded = true;
      }
      void undo() noexcept override {
        if (loaded && before) load_again(part.load_, *before);
      }
      const ApplicationPart& part;
      std::optional<StateDict> before;
      bool loaded = false;
    };
    return std::make_unique<Load>(*this, is_last);
  }

 private:
  std::function<StateDict()> save_;
  std::function<void(const StateDict&)> load_;
};

}  // namespace

std::shared_ptr<const Part> make_part(const std::string& name, nn::Module& model) {
  return std::make_shared<ModelPart>(name, model);
}
std::shared_ptr<const Part> make_part(const std::string& name, optim::Optimizer& optimizer) {
  return std::make_shared<OptimizerPart>(name, optimizer);
}
std::shared_ptr<const Part> make_part(const std::string& name, sparse::SparsityAlgorithm& algorithm) {
  return std::make_shared<AlgorithmPart>(name, algorithm);
}
std::shared_ptr<const Part> make_part(const std::string& name, sparse::InTimeOverParameterization& itop) {
  return std::make_shared<ValuePart<sparse::InTimeOverParameterization>>(name, itop);
}
std::shared_ptr<const Part> make_part(const std::string& name, optim::LrScheduler& scheduler) {
  return std::make_shared<ValuePart<optim::LrScheduler>>(name, scheduler);
}
std::shared_ptr<const Part> make_part(const std::string& name, optim::ReduceLrOnPlateau& scheduler) {
  return std::make_shared<ValuePart<optim::ReduceLrOnPlateau>>(name, scheduler);
}
std::shared_ptr<const Part> make_part(const std::string& name, optim::ExponentialMovingAverage& averages) {
  return std::make_shared<AveragesPart>(name, averages);
}
std::shared_ptr<const Part> make_part(const std::string& name, data::DataLoader& loader) {
  return std::make_shared<ValuePart<data::DataLoader>>(name, loader);
}
std::shared_ptr<const Part> make_part(const std::string& name, Generator& generator) {
  return std::make_shared<ValuePart<Generator>>(name, generator);
}
std::shared_ptr<const Part> make_part(const std::string& name, int64_t& counter) {
  return std::make_shared<ValuePart<int64_t>>(name, counter);
}
std::shared_ptr<const Part> make_part(const std::string& name, double& scalar) {
  return std::make_shared<ValuePart<double>>(name, scalar);
}
std::shared_ptr<const Part> make_part(const std::string& name, std::function<StateDict()> state_dict,
                                      std::function<void(const StateDict&)> load_state_dict) {
  return std::make_shared<ApplicationPart>(name, std::move(state_dict), std::move(load_state_dict));
}

}  // namespace gossamer::train
