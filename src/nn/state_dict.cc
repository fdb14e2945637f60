// Module::state_dict and load_state_dict.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/dispatch.h"
#include "gossamer/nn/module.h"
#include "gossamer/state_dict.h"
#include "parameter/change.h"
#include "runtime/log.h"
#include "tensor/arith.h"
#include "tensor/state_reader.h"

namespace gossamer::nn {

namespace {

constexpr const char* kOp = "load_state_dict";

std::string mask_name(const std::string& name) { return name + "_mask"; }

struct Assignment {
  std::string name;
  Parameter parameter;
  Tensor dense;
  std::shared_ptr<const CsrPattern> pattern;
};

// The pattern of a mask; the present one where it is the same, so that its plans are kept.
std::shared_ptr<const CsrPattern> pattern_of(const Tensor& mask, const Parameter& parameter) {
  auto pattern = CsrPattern::from_mask(mask);
  return parameter.is_csr() && *pattern == *parameter.pattern() ? parameter.pattern() : pattern;
}

int64_t count_nonzero(const Tensor& x) {
  return dispatch_floating(x.dtype(), kOp, [&]<class T>() {
    const auto elements = x.span<T>();
    return x.numel() - std::count(elements.begin(), elements.end(), T(0));
  });
}

// A dict that was masked where it comes from has zeros outside the pattern.
void warn_about_hidden_values(const std::string& name, const Tensor& dense, const CsrPattern& pattern) {
  const int64_t hidden = count_nonzero(dense) - count_nonzero(pattern.gather(dense));
  if (hidden == 0) return;
  rt::warn("{}: '{}' has {} values other than 0 where its mask is 0; they are dropped", kOp, name, hidden);
}

}  // namespace

StateDict Module::state_dict() const {
  StateDict dict;
  for (const auto& [name, p] : named_parameters()) {
    dict[name] = p.dense();
    if (p.is_csr()) dict[mask_name(name)] = p.mask();
  }
  for (const auto& [name, buffer] : named_buffers()) dict[name] = buffer.clone();
  return dict;
}

LoadResult Module::load_state_dict(const StateDict& dict, const LoadOptions& options) {
  StateReader reader(dict, options);
  std::vector<Assignment> assignments;
  for (const auto& [name, p] : named_parameters()) {
    const Tensor dense = reader.find(name, p.shape(), p.dtype());
    if (!reader.contains(name)) continue;  // a mask alone is unexpected
    const Tensor mask =
        reader.find(mask_name(name), p.shape(), DType::boolean, p.is_csr() ? Entry::Required : Entry::Optional);
    if (mask.defined() && p.requires_dense()) reader.fault(name, "dense (requires_dense)", "with a mask");
    if (dense.defined()) assignments.push_back({name, p, dense, mask.defined() ? pattern_of(mask, p) : p.pattern()});
  }
  std::vector<std::pair<Tensor, Tensor>> copies;
  for (const auto& [name, buffer] : named_buffers()) {
    const Tensor source = reader.find(name, buffer.shape(), buffer.dtype());
    if (source.defined()) copies.emplace_back(buffer, source);
  }

  LoadResult result =
      reader.finish(kOp, "the dict must fit the module", "", "strict = false passes over missing and unexpected names");
  for (const Assignment& a : assignments) {
    if (a.pattern) warn_about_hidden_values(a.name, a.dense, *a.pattern);
  }
  std::vector<PreparedChange> changes;
  changes.reserve(assignments.size());
  for (const Assignment& a : assignments) {
    changes.push_back(PreparedChange::assignment(a.parameter, a.dense, a.pattern));
  }
  for (const auto& [buffer, source] : copies) {
    make_rows(buffer);
    make_rows(source);
  }
  for (PreparedChange& change : changes) change.commit();
  for (auto& [buffer, source] : copies) buffer.copy_from(source);
  return result;
}

}  // namespace gossamer::nn
