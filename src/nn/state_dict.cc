// Module::state_dict and load_state_dict.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "config/nearest.h"
#include "gossamer/csr_pattern.h"
#include "gossamer/dispatch.h"
#include "gossamer/nn/module.h"
#include "gossamer/state_dict.h"
#include "nn/load_entries.h"
#include "nn/name_remedy.h"
#include "parameter/change.h"
#include "runtime/check.h"
#include "runtime/log.h"
#include "tensor/arith.h"
#include "tensor/csr/entries.h"
#include "tensor/state_reader.h"

namespace gossamer::nn {

namespace {

struct Assignment {
  std::string name;
  Parameter parameter;
  Tensor values;  // dense, or canonical where the dict has the weight in CSR form
  std::shared_ptr<const CsrPattern> pattern;
  SparseForm form;

  PreparedChange prepare() const {
    return form == SparseForm::Csr ? PreparedChange::canonical_assignment(parameter, values, pattern)
                                   : PreparedChange::assignment(parameter, values, pattern);
  }
};

// The present pattern where it is the same, so that its plans are kept.
std::shared_ptr<const CsrPattern> kept(std::shared_ptr<const CsrPattern> pattern, const Parameter& parameter) {
  if (pattern && parameter.is_csr() && *pattern == *parameter.pattern()) return parameter.pattern();
  return pattern;
}

bool is_of_other_type(const Tensor& given, const Shape& shape, DType dtype) {
  return given.defined() && given.shape() == shape && given.dtype() != dtype;
}

constexpr std::string_view kNamesRemedy = "strict = false passes over missing and unexpected names";
constexpr std::string_view kTypesRemedy = "nn::load_weights reads values of either floating type, and masks of any";
constexpr std::string_view kMasksRemedy =
    "for a checkpoint without masks, strict = false takes the values at the patterns that the model has, and "
    "load_weights with from_zeros makes patterns of the values that are not 0";

}  // namespace

StateDict Module::state_dict(const StateDictOptions& options) const {
  StateDict dict;
  for (const auto& [name, p] : named_parameters()) {
    if (p.is_csr() && options.form == SparseForm::Csr) {
      add_csr_entries(dict, name, p.shape(), *p.pattern(), p.canonical_values());
      continue;
    }
    dict[name] = p.dense();
    if (p.is_csr()) dict[mask_entry(name)] = p.mask();
  }
  for (const auto& [name, buffer] : named_buffers()) dict[name] = buffer.clone();
  return dict;
}

LoadResult Module::load_state_dict(const StateDict& dict, const LoadOptions& options) {
  return load_entries("load_state_dict", *this, dict, options, Loader::State);
}

LoadResult load_entries(std::string_view op, Module& module, const StateDict& dict, const LoadOptions& options,
                        Loader loader, const std::vector<std::string>& faults) {
  StateReader reader(dict, options);
  for (const std::string& fault : faults) reader.fault(fault);
  std::vector<Assignment> assignments;
  bool lacks_masks = false;
  bool converts = false;  // load_weights would
  for (const auto& [name, p] : module.named_parameters()) {
    const auto refuse_sparse = [&, &name = name] { reader.fault(name, "dense (requires_dense)", "sparse"); };
    if (has_csr_entries(dict, name)) {
      if (p.requires_dense()) refuse_sparse();
      if (const auto csr = read_csr_entries(reader, name, p.shape(), p.dtype())) {
        assignments.push_back({name, p, csr->values, kept(csr->pattern, p), SparseForm::Csr});
      }
      continue;
    }
    const Tensor dense = reader.find(name, p.shape(), p.dtype());
    if (!reader.contains(name)) continue;  // a mask alone is unexpected
    const std::string mask_name = mask_entry(name);
    converts = converts || is_of_other_type(dict.at(name), p.shape(), p.dtype());
    if (reader.contains(mask_name)) {
      converts = converts || is_of_other_type(dict.at(mask_name), p.shape(), DType::boolean);
    }
    lacks_masks = lacks_masks || (p.is_csr() && !reader.contains(mask_name));
    const Tensor mask =
        reader.find(mask_name, p.shape(), DType::boolean, p.is_csr() ? Entry::Required : Entry::Optional);
    auto pattern = mask.defined() ? kept(read_mask(reader, mask_name, mask), p) : p.pattern();
    if (mask.defined() && p.requires_dense()) refuse_sparse();
    if (dense.defined()) assignments.push_back({name, p, dense, std::move(pattern), SparseForm::Dense});
  }
  std::vector<std::pair<Tensor, Tensor>> copies;
  for (const auto& [name, buffer] : module.named_buffers()) {
    const Tensor source = reader.find(name, buffer.shape(), buffer.dtype());
    if (source.defined()) copies.emplace_back(buffer, source);
  }

  const LoadResult unfit = reader.unfit();
  const std::string_view remedy = converts && loader == Loader::State ? kTypesRemedy : "";
  std::string remedy_of_names = name_remedy(unfit, loader);
  if (remedy_of_names.empty()) remedy_of_names = remedy;
  if (!remedy_of_names.empty()) remedy_of_names += "; ";
  remedy_of_names += lacks_masks ? kMasksRemedy : kNamesRemedy;
  LoadResult result = reader.finish(op, "the dict must fit the module", remedy, remedy_of_names);
  const bool takes = !assignments.empty() || std::ranges::any_of(copies, [](const auto& copy) {
    return !copy.first.shares_storage_with(copy.second);  // else load_weights put it there
  });
  if (!takes && !unfit.missing.empty()) {
    fail<FormatError>(op, "the dict must have something of the module, with strict = false, too",
                      fmt::format("the module has {}, the dict {}", list_nearest({}, unfit.missing),
                                  list_nearest(unfit.missing, unfit.unexpected)),
                      name_remedy(unfit, loader));
  }
  for (const Assignment& a : assignments) {
    if (a.form == SparseForm::Dense && a.pattern) warn_about_hidden_values(op, a.name, a.values, *a.pattern);
  }
  std::vector<PreparedChange> changes;
  changes.reserve(assignments.size());
  for (const Assignment& a : assignments) changes.push_back(a.prepare());
  for (const auto& [buffer, source] : copies) {
    make_rows(buffer);
    make_rows(source);
  }
  for (PreparedChange& change : changes) change.commit();
  for (auto& [buffer, source] : copies) buffer.copy_from(source);
  if (!result.missing.empty() || !result.unexpected.empty()) {
    rt::log(LogLevel::Info, fmt::format("{}: strict = false passed over {} missing and {} unexpected names", op,
                                        result.missing.size(), result.unexpected.size()));
  }
  return result;
}

}  // namespace gossamer::nn
