#include "gossamer/sparse_forms.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include "gossamer/csr_pattern.h"
#include "gossamer/glob.h"
#include "tensor/csr/entries.h"
#include "tensor/state_reader.h"

namespace gossamer {

namespace {

struct DenseWeight {
  std::string name;
  Tensor dense;
  std::shared_ptr<const CsrPattern> pattern;
};

}  // namespace

StateDict to_csr_form(const StateDict& dict, const ToCsrOptions& options) {
  constexpr std::string_view kOp = "to_csr_form";
  StateReader reader(dict, {.strict = false});
  std::vector<DenseWeight> weights;
  for (const auto& [name, dense] : dict) {
    if (!dense.defined() || !is_floating(dense.dtype())) continue;
    const std::string mask_name = mask_entry(name);
    const auto found = dict.find(mask_name);
    std::shared_ptr<const CsrPattern> pattern;
    if (found == dict.end()) {
      const bool prunes =
          dense.rank() >= 2 && std::ranges::any_of(options.from_zeros, [&name = name](const std::string& glob) {
            return glob_match(glob, name);
          });
      if (!prunes) continue;
      pattern = CsrPattern::from_mask(dense.to(DType::boolean));
    } else {
      if (!found->second.defined() || found->second.dtype() != DType::boolean) continue;
      const Tensor mask = reader.find(mask_name, dense.shape(), DType::boolean);
      if (mask.defined()) pattern = read_mask(reader, mask_name, mask);
    }
    for (const std::string& entry : CsrEntryNames(name).all()) {
      if (dict.contains(entry)) reader.fault(entry, fmt::format("must not be there beside '{}'", name));
    }
    weights.push_back({name, dense, std::move(pattern)});
  }
  reader.finish(kOp, "every weight must have one form, and a mask of its shape", "");

  StateDict result = dict;
  for (const auto& [name, dense, pattern] : weights) {
    warn_about_hidden_values(kOp, name, dense, *pattern);
    result.erase(name);
    result.erase(mask_entry(name));
    add_csr_entries(result, name, dense.shape(), *pattern, pattern->to_canonical(pattern->gather(dense)));
  }
  return result;
}

StateDict to_dense_form(const StateDict& dict) {
  constexpr std::string_view kSuffixes[] = {".crow_indices", ".col_indices"};
  std::set<std::string> weights;
  for (const auto& [name, tensor] : dict) {
    for (const std::string_view suffix : kSuffixes) {
      if (name.ends_with(suffix)) weights.insert(name.substr(0, name.size() - suffix.size()));
    }
  }
  StateReader reader(dict, {.strict = false});
  std::vector<std::pair<std::string, CsrEntries>> read;
  for (const std::string& name : weights) {
    if (auto csr = read_csr_entries(reader, name)) read.emplace_back(name, *std::move(csr));
  }
  reader.finish("to_dense_form", "every weight in CSR form must be complete, and a pattern", "");

  StateDict result = dict;
  for (const auto& [name, csr] : read) {
    for (const std::string& entry : CsrEntryNames(name).all()) result.erase(entry);
    result[name] = csr.pattern->dense(csr.pattern->from_canonical(csr.values)).alias(csr.shape);
    result[mask_entry(name)] = csr.pattern->mask().alias(csr.shape);
  }
  return result;
}

}  // namespace gossamer
