// Module::state_dict and load_state_dict.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/dispatch.h"
#include "gossamer/nn/module.h"
#include "gossamer/state_dict.h"
#include "nn/load_entries.h"
#include "parameter/change.h"
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

constexpr std::string_view kNamesRemedy = "strict = false passes over missing and unexpected names";
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
  return load_entries("load_state_dict", *this, dict, options);
}

LoadResult load_entries(std::string_view op, Module& module, const StateDict& dict, const LoadOptions& options,
                        const std::vector<std::string>& faults, const std::string& names_remedy) {
  StateReader reader(dict, options);
  for (const std::string& fault : faults) reader.fault(fault);
  std::vector<Assignment> assignments;
  bool lacks_masks = false;
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

  const std::string remedy = names_remedy.empty() ? "" : names_remedy + "; ";
  LoadResult result = reader.finish(op, "the dict must fit the module", "",
                                    remedy + std::string(lacks_masks ? kMasksRemedy : kNamesRemedy));
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
  return result;
}

}  // namespace gossamer::nn
