#include "gossamer/train/checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <unordered_set>
#include <utility>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/nn/module.h"
#include "gossamer/sparse/algorithm.h"
#include "parameter/access.h"
#include "runtime/check.h"
#include "runtime/log.h"
#include "train/parts.h"

namespace gossamer::train {

struct Checkpoint::Parts {
  std::vector<std::shared_ptr<const Part>> all;  // in the order of their adding
  std::shared_ptr<std::atomic<bool>> warned = std::make_shared<std::atomic<bool>>(false);

  // Once for a checkpoint and its copies: the run would go on without the algorithm's place in its schedule.
  void warn_about_algorithms() const {
    std::unordered_set<const void*> saved;
    for (const auto& part : all) {
      if (part->algorithm() == nullptr) continue;
      for (const sparse::SparseParameter& p : part->algorithm()->sparse_params()) saved.insert(p.param().id());
    }
    for (const auto& part : all) {
      if (part->model() == nullptr) continue;
      for (const auto& [name, p] : part->model()->named_parameters()) {
        if (!ParameterAccess::is_changed(p) || saved.contains(p.id()) || warned->exchange(true)) continue;
        rt::warn(
            "Checkpoint: '{}' of '{}' belongs to a sparsity algorithm that is no part of the checkpoint, and a resumed "
            "run would begin its schedule anew; add(\"sparsity\", algorithm)",
            name, part->name());
      }
    }
  }

  // A single model has its names for itself.
  bool has_single_model() const {
    return std::ranges::count(all, Stage::Model, [](const auto& part) { return part->stage(); }) == 1;
  }
  // What the entries of a part begin with; the only entry of a number is called so without the dot.
  std::string prefix(const Part& part) const {
    if (part.stage() != Stage::Model) return std::string(kRunPrefix) + part.name() + ".";
    return has_single_model() ? "" : part.name() + ".";
  }
  std::string key(const std::string& prefix, const std::string& entry) const {
    return entry.empty() ? prefix.substr(0, prefix.size() - 1) : prefix + entry;
  }

  // `parts` and one more.
  static std::shared_ptr<const Parts> with(const Parts& parts, const std::string& name,
                                           std::shared_ptr<const Part> part) {
    constexpr const char* kOp = "Checkpoint::add";
    if (name.empty() || name.find('.') != std::string::npos) {
      fail<ConfigError>(kOp, "the name of a part must be some text without a dot", fmt::format("'{}'", name));
    }
    if (std::ranges::any_of(parts.all, [&](const auto& other) { return other->name() == name; })) {
      fail<ConfigError>(kOp, "parts must have names that differ", fmt::format("'{}' comes again", name));
    }
    auto more = std::make_shared<Parts>(parts);
    more->all.push_back(std::move(part));
    return more;
  }
};

Checkpoint::Checkpoint() : parts_(std::make_shared<Parts>()) {}

Checkpoint& Checkpoint::add(const std::string& name, nn::Module& model) {
  parts_ = Parts::with(*parts_, name, make_part(name, model));
  return *this;
}
Checkpoint& Checkpoint::add(const std::string& name, optim::Optimizer& optimizer) {
  parts_ = Parts::with(*parts_, name, make_part(name, optimizer));
  return *this;
}
Checkpoint& Checkpoint::add(const std::string& name, sparse::SparsityAlgorithm& algorithm) {
  parts_ = Parts::with(*parts_, name, make_part(name, algorithm));
  return *this;
}
Checkpoint& Checkpoint::add(const std::string& name, sparse::InTimeOverParameterization& itop) {
  parts_ = Parts::with(*parts_, name, make_part(name, itop));
  return *this;
}
Checkpoint& Checkpoint::add(const std::string& name, optim::LrScheduler& scheduler) {
  parts_ = Parts::with(*parts_, name, make_part(name, scheduler));
  return *this;
}
Checkpoint& Checkpoint::add(const std::string& name, optim::ReduceLrOnPlateau& scheduler) {
  parts_ = Parts::with(*parts_, name, make_part(name, scheduler));
  return *this;
}
Checkpoint& Checkpoint::add(const std::string& name, optim::ExponentialMovingAverage& averages) {
  parts_ = Parts::with(*parts_, name, make_part(name, averages));
  return *this;
}
Checkpoint& Checkpoint::add(const std::string& name, data::DataLoader& loader) {
  parts_ = Parts::with(*parts_, name, make_part(name, loader));
  return *this;
}
Checkpoint& Checkpoint::add(const std::string& name, Generator& generator) {
  parts_ = Parts::with(*parts_, name, make_part(name, generator));
  return *this;
}
Checkpoint& Checkpoint::add(const std::string& name, int64_t& counter) {
  parts_ = Parts::with(*parts_, name, make_part(name, counter));
  return *this;
}
Checkpoint& Checkpoint::add(const std::string& name, double& scalar) {
  parts_ = Parts::with(*parts_, name, make_part(name, scalar));
  return *this;
}
Checkpoint& Checkpoint::add(const std::string& name, std::function<StateDict()> state_dict,
                            std::function<void(const StateDict&)> load_state_dict) {
  if (!state_dict || !load_state_dict) {
    fail<ConfigError>("Checkpoint::add", "both functions must be callable", "an empty function");
  }
  parts_ = Parts::with(*parts_, name, make_part(name, std::move(state_dict), std::move(load_state_dict)));
  return *this;
}

StateDict Checkpoint::state_dict(const SaveOptions& options) const {
  parts_->warn_about_algorithms();
  StateDict dict;
  for (const auto& part : parts_->all) {
    const std::string prefix = parts_->prefix(*part);
    for (auto& [entry, tensor] : part->state_dict({.form = options.form})) {
      if (prefix.empty() && entry.starts_with(kRunPrefix)) {
        fail<StateError>("Checkpoint::state_dict", fmt::format("names of a model must not begin with {}", kRunPrefix),
                         fmt::format("'{}'", entry), "rename the module");
      }
      dict[parts_->key(prefix, entry)] = tensor;
    }
  }
  return dict;
}

namespace {

constexpr const char* kLoad = "Checkpoint::load_state_dict";

std::string quoted(const std::vector<std::string>& names) { return fmt::format("'{}'", fmt::join(names, "', '")); }

// A part and its share of a dict.
struct Share {
  std::shared_ptr<const Part> part;
  StateDict dict = {};
  std::unique_ptr<PartLoad> load = nullptr;
};

// The part of the run that an entry belongs to: "__run__.optimizer.state..." to "optimizer".
std::string part_name(const std::string& key) {
  const size_t begin = key.starts_with(kRunPrefix) ? kRunPrefix.size() : 0;
  return key.substr(begin, key.find('.', begin) - begin);
}

// Loads the parts of a stage; what does not fit of any of them is one error.
void load_stage(std::vector<Share>& shares, Stage stage) {
  std::vector<std::string> faults;
  for (Share& share : shares) {
    if (share.part->stage() != stage) continue;
    try {
      share.load->load(share.dict);
    } catch (const FormatError& error) {
      faults.push_back(fmt::format("'{}': {}", share.part->name(), error.what()));
    }
  }
  if (faults.empty()) return;
  fail<FormatError>(kLoad, "the state must be that of these parts", fmt::format("{}", fmt::join(faults, ". ")));
}

}  // namespace

LoadResult Checkpoint::load_state_dict(const StateDict& dict, const LoadRunOptions& options) const {
  LoadResult passed_over;
  std::vector<Share> shares;
  for (const Stage stage : kStages) {
    for (const auto& part : parts_->all) {
      if (part->stage() == stage) shares.push_back({part});
    }
  }
  for (const auto& [key, tensor] : dict) {
    const bool of_run = key.starts_with(kRunPrefix);
    const auto share = std::ranges::find_if(shares, [&, &key = key](const Share& s) {
      if ((s.part->stage() == Stage::Model) == of_run) return false;
      const std::string prefix = parts_->prefix(*s.part);
      return key.starts_with(prefix) || key == parts_->key(prefix, "");
    });
    if (share != shares.end()) {
      const size_t size = parts_->prefix(*share->part).size();
      share->dict[key.size() < size ? "" : key.substr(size)] = tensor;
    } else if (std::string name = part_name(key);
               passed_over.unexpected.empty() || passed_over.unexpected.back() != name) {
      passed_over.unexpected.push_back(std::move(name));
    }
  }
  // A part may have nothing to save, such as a group without algorithms.
  std::erase_if(shares, [&](const Share& share) {
    if (!share.dict.empty() || share.part->state_dict({.form = SparseForm::Csr}).empty()) return false;
    passed_over.missing.push_back(share.part->name());
    return true;
  });
  if (!options.partial && !(passed_over.missing.empty() && passed_over.unexpected.empty())) {
    std::vector<std::string> faults;
    if (!passed_over.missing.empty()) faults.push_back("missing: " + quoted(passed_over.missing));
    if (!passed_over.unexpected.empty()) faults.push_back("unexpected: " + quoted(passed_over.unexpected));
    fail<FormatError>(kLoad, "the state must have the parts of this run, and no others",
                      fmt::format("{}", fmt::join(faults, ", ")),
                      "add() the parts that were saved, or pass partial = true to leave these out");
  }

  for (Share& share : shares) share.load = share.part->begin_load(&share == &shares.back());
  try {
    for (const Stage stage : kStages) load_stage(shares, stage);
  } catch (...) {
    for (const Share& share : shares) share.load->undo();
    throw;
  }
  for (const Share& share : shares) share.load->commit();
  return passed_over;
}

StateDict model_entries(const StateDict& dict) {
  StateDict entries;
  for (const auto& [key, tensor] : dict) {
    if (!key.starts_with(kRunPrefix)) entries[key] = tensor;
  }
  return entries;
}

}  // namespace gossamer::train
