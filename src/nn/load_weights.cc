#include "gossamer/nn/load_weights.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "config/nearest.h"
#include "gossamer/dispatch.h"
#include "gossamer/io/npy.h"
#include "gossamer/io/safetensors.h"
#include "gossamer/nn/attention.h"
#include "gossamer/nn/dropout.h"
#include "gossamer/sparse/sparse_parameter.h"
#include "nn/load_entries.h"
#include "runtime/check.h"
#include "runtime/log.h"
#include "tensor/csr/entries.h"
#include "tensor/mask_bytes.h"

namespace gossamer::nn {

namespace {

StateDict without_prefixes(std::string_view op, const StateDict& dict, const std::vector<std::string>& prefixes) {
  StateDict result;
  std::unordered_map<std::string, std::string> before;
  std::vector<std::string> collisions;
  for (const auto& [name, tensor] : dict) {
    std::string_view rest = name;
    for (const std::string& prefix : prefixes) {
      if (rest.starts_with(prefix)) rest.remove_prefix(prefix.size());
    }
    const std::string stripped(rest);
    const auto [found, is_new] = before.emplace(stripped, name);
    if (is_new) {
      result.emplace(stripped, tensor);
    } else {
      collisions.push_back(fmt::format("'{}' and '{}' become '{}'", found->second, name, stripped));
    }
  }
  if (!collisions.empty()) {
    fail<FormatError>(op, "names must differ without their prefixes", fmt::format("{}", fmt::join(collisions, ", ")),
                      "strip fewer prefixes");
  }
  return result;
}

bool same_bytes(const Tensor& a, const Tensor& b) {
  if (!a.defined() || !b.defined()) return a.defined() == b.defined();
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) return false;
  return dispatch_all(a.dtype(), [&]<class T>() {
    return a.numel() == 0 || std::memcmp(a.data<T>(), b.data<T>(), static_cast<size_t>(a.bytes())) == 0;
  });
}

std::string join(const std::string& path, const std::string& name) { return path.empty() ? name : path + "." + name; }

// Turns what PyTorch users write into what load_state_dict takes.
class Translation {
 public:
  Translation(Module& module, StateDict dict) : module_(module), dict_(std::move(dict)) {
    for (const auto& [name, p] : module_.named_parameters()) own_.insert(name);
    for (const auto& [name, buffer] : module_.named_buffers()) own_.insert(name);
  }

  // PyTorch saves a parameter under each of its names; here it has the first.
  void merge_aliases() {
    std::unordered_map<const void*, std::string> first;
    for (const auto& [name, p] : module_.named_parameters()) first.emplace(p.id(), name);
    for (const auto& [path, child] : module_.named_modules()) {
      for (const auto& [own, p] : child->named_parameters()) {
        if (const std::string alias = join(path, own); alias != first.at(p.id())) merge(alias, first.at(p.id()));
      }
    }
  }

  // torch.nn.MultiheadAttention has the rows of three projections in one weight.
  void split_attention() {
    for (const auto& [path, child] : module_.named_modules()) {
      if (dynamic_cast<const MultiheadAttention*>(child) == nullptr) continue;
      for (const std::string kind : {"weight", "weight_orig", "weight_mask", "bias", "bias_orig", "bias_mask"}) {
        const std::string output = join(path, "proj_output_dense_layer." + kind);
        if (!dict_.contains(output)) rename(join(path, "out_proj." + kind), output);
        split_rows(join(path, "in_proj_" + kind),
                   {join(path, "proj_q_dense_layer." + kind), join(path, "proj_k_dense_layer." + kind),
                    join(path, "proj_v_dense_layer." + kind)});
      }
    }
  }

  void keep_counters_of_dropout() {
    for (const auto& [path, child] : module_.named_modules()) {
      if (dynamic_cast<const Dropout*>(child) == nullptr) continue;
      for (const auto& [own, calls] : child->named_buffers()) dict_.emplace(join(path, own), calls);
    }
  }

  void take(const std::string& name, const Parameter& p, const std::optional<sparse::ParameterFilter>& from_zeros) {
    const std::optional<WeightForm> form = form_of(name, p, from_zeros);
    if (form) taken_.emplace(name, *form);
    convert(form == WeightForm::Csr ? CsrEntryNames(name).values : name, p.dtype());
  }

  // From one floating type to another, and to i64.
  void convert(const std::string& name, DType dtype) {
    const Tensor given = find(name);
    if (!given.defined()) return;
    const bool converts =
        (is_floating(given.dtype()) && is_floating(dtype)) || (given.dtype() == DType::i32 && dtype == DType::i64);
    if (converts) dict_[name] = given.to(dtype);
  }

  ImportResult finish(std::string_view op, bool strict) {
    ImportResult result;
    static_cast<LoadResult&>(result) = load_entries(op, module_, dict_, {.strict = strict}, Loader::Weights, faults_);
    result.taken = std::move(taken_);
    for (const auto& [name, share] : zeros_) {
      rt::log(LogLevel::Info,
              fmt::format("{}: '{}' is {:.0f} % zeros and stays dense; from_zeros takes it", op, name, 100 * share));
    }
    return result;
  }

 private:
  Tensor find(const std::string& name) const {
    const auto found = dict_.find(name);
    return found == dict_.end() ? Tensor() : found->second;
  }

  template <class... Args>
  void fault(fmt::format_string<Args...> text, Args&&... args) {
    faults_.push_back(fmt::format(text, std::forward<Args>(args)...));
  }

  void rename(const std::string& from, const std::string& to) {
    auto entry = dict_.extract(from);
    if (entry.empty()) return;
    entry.key() = to;
    dict_.insert(std::move(entry));
  }

  // An entry in equal parts, unless these are there or it has none.
  void split_rows(const std::string& name, const std::vector<std::string>& parts) {
    const Tensor whole = find(name);
    const auto count = static_cast<int64_t>(parts.size());
    if (!whole.defined() || whole.rank() == 0 || whole.dim(0) % count != 0) return;
    if (std::ranges::any_of(parts, [&](const std::string& part) { return dict_.contains(part); })) return;
    std::vector<int64_t> dims(whole.shape().begin(), whole.shape().end());
    dims.front() /= count;
    const Shape shape(dims);
    for (int64_t i = 0; i < count; ++i) dict_[parts[static_cast<size_t>(i)]] = whole.alias(shape, i * shape.numel());
    dict_.erase(name);
  }

  // Entries of a parameter under a second name go to the first, unless they are there.
  void merge(const std::string& alias, const std::string& name) {
    for (const std::string_view suffix : {"", "_mask", "_orig", ".crow_indices", ".col_indices", ".values", ".shape"}) {
      auto entry = dict_.extract(alias + std::string(suffix));
      if (entry.empty()) continue;
      entry.key() = name + std::string(suffix);
      const auto result = dict_.insert(std::move(entry));
      if (result.inserted) continue;
      if (!same_bytes(result.position->second, result.node.mapped())) {
        fault("'{0}{2}' and '{1}{2}' must be equal: they are one parameter", alias, name, suffix);
      }
    }
  }

  std::optional<WeightForm> form_of(const std::string& name, const Parameter& p,
                                    const std::optional<sparse::ParameterFilter>& from_zeros) {
    const std::string mask_name = mask_entry(name);
    const std::string original_name = name + "_orig";
    const bool is_csr = has_csr_entries(dict_, name);
    const bool is_pruned = dict_.contains(original_name) && !own_.contains(original_name);
    if (is_pruned) {
      if (is_csr || dict_.contains(name)) {
        fault("'{}' must not be there beside '{}': a weight has one form", original_name,
              is_csr ? CsrEntryNames(name).values : name);
        dict_.erase(original_name);
        return {};
      }
      if (!dict_.contains(mask_name)) fault("'{}' is missing, which '{}' needs", mask_name, original_name);
      rename(original_name, name);
    }
    if (is_csr) return WeightForm::Csr;
    const Tensor weight = find(name);
    if (!weight.defined()) return {};
    if (Tensor mask = find(mask_name); mask.defined()) {
      if (!holds_bits(mask)) {
        fault("'{}' must hold 0 and 1 only", mask_name);
        mask = Tensor::ones(mask.shape());
      }
      dict_[mask_name] = mask = mask.to(DType::boolean);
      // Beside this mask values other than 0 are no surprise.
      if (is_pruned && is_floating(weight.dtype()) && weight.shape() == mask.shape())
        dict_[name] = masked(weight, mask);
      return is_pruned ? WeightForm::Prune : WeightForm::Mask;
    }
    const bool prunes = from_zeros && weight.rank() >= 2 && weight.shape() == p.shape() && !p.requires_dense() &&
                        (*from_zeros)(sparse::SparseParameter(name, p));
    if (!prunes || dict_.contains(mask_name)) {
      if (!from_zeros && !p.is_csr() && !p.requires_dense()) note_zeros(name, weight);
      return WeightForm::Dense;
    }
    const Tensor kept = weight.to(DType::boolean);
    if (!p.is_csr() && std::ranges::all_of(kept.span<bool>(), std::identity())) return WeightForm::Dense;
    dict_[mask_name] = kept;
    return WeightForm::Zeros;
  }

  // Most of a matrix that is 0 is what pruning left.
  void note_zeros(const std::string& name, const Tensor& weight) {
    if (!rt::has_log_callback() || weight.rank() < 2 || !is_floating(weight.dtype())) return;
    const int64_t zeros = dispatch_floating(weight.dtype(), "load_weights", [&]<class T>() {
      return static_cast<int64_t>(std::ranges::count(weight.span<T>(), T(0)));
    });
    if (2 * zeros > weight.numel()) {
      zeros_.emplace_back(name, static_cast<double>(zeros) / static_cast<double>(weight.numel()));
    }
  }

  Module& module_;
  StateDict dict_;
  std::unordered_set<std::string> own_;  // names of the module's parameters and buffers
  std::vector<std::string> faults_;
  std::map<std::string, WeightForm> taken_;
  std::vector<std::pair<std::string, double>> zeros_;  // dense weights that are mostly 0, and the share of it
};

ImportResult load(std::string_view op, Module& module, const StateDict& dict, const ImportOptions& options) {
  const auto parameters = module.named_parameters();
  if (options.from_zeros && std::ranges::none_of(parameters, [&](const auto& named) {
        return (*options.from_zeros)(sparse::SparseParameter(named.first, named.second));
      })) {
    std::vector<std::string> names;
    names.reserve(parameters.size());
    for (const auto& [name, p] : parameters) names.push_back(name);
    fail<ConfigError>(op, "from_zeros must take a parameter", options.from_zeros->describe() + " takes none",
                      "there are " + list_nearest(options.from_zeros->globs(), std::move(names)));
  }
  Translation translation(module, without_prefixes(op, dict, options.strip_prefix));
  translation.merge_aliases();
  translation.split_attention();
  translation.keep_counters_of_dropout();
  for (const auto& [name, p] : parameters) translation.take(name, p, options.from_zeros);
  for (const auto& [name, buffer] : module.named_buffers()) translation.convert(name, buffer.dtype());
  return translation.finish(op, options.strict);
}

}  // namespace

ImportResult load_weights(Module& module, const StateDict& dict, const ImportOptions& options) {
  return load("load_weights", module, dict, options);
}

ImportResult load_weights(Module& module, const std::filesystem::path& path, const ImportOptions& options) {
  const StateDict dict = path.extension() == ".npz" ? io::load_npz(path) : io::load_safetensors(path);
  return load(fmt::format("load_weights('{}')", path.string()), module, dict, options);
}

}  // namespace gossamer::nn
