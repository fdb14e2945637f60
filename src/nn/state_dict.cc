// Module::state_dict and load_state_dict.
#include "gossamer/nn/state_dict.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include "gossamer/csr_pattern.h"
#include "gossamer/nn/module.h"
#include "parameter/change.h"
#include "runtime/check.h"
#include "runtime/log.h"
#include "tensor/arith.h"
#include "tensor/dispatch.h"

namespace gossamer::nn {

namespace {

constexpr const char* kOp = "load_state_dict";

std::string mask_name(const std::string& name) { return name + "_mask"; }

// Finds the entries that a module needs, and notes what is wrong with them.
class Reader {
 public:
  Reader(const StateDict& dict, bool strict) : dict_(dict), strict_(strict) {}

  // The tensor called `name` where it is there and fits, else an undefined one. `optional`: not missed when absent.
  Tensor take(const std::string& name, const Shape& shape, DType dtype, bool optional = false) {
    const auto found = dict_.find(name);
    if (found == dict_.end()) {
      if (!optional) result_.missing.push_back(name);
      return {};
    }
    taken_.insert(name);
    const Tensor& tensor = found->second;
    if (!tensor.defined()) {
      faults_.push_back(fmt::format("'{}' is undefined", name));
      return {};
    }
    if (tensor.shape() != shape || tensor.dtype() != dtype) {
      faults_.push_back(fmt::format("'{}' is {} {}, not {} {}", name, dtype_name(tensor.dtype()),
                                    tensor.shape().to_string(), dtype_name(dtype), shape.to_string()));
      return {};
    }
    return tensor;
  }

  void add_fault(std::string fault) { faults_.push_back(std::move(fault)); }

  // What was passed over. Throws where anything is wrong.
  LoadResult finish() {
    for (const auto& [name, tensor] : dict_) {
      if (!taken_.contains(name)) result_.unexpected.push_back(name);
    }
    const bool bad_names = strict_ && (!result_.missing.empty() || !result_.unexpected.empty());
    if (strict_) {
      for (const std::string& name : result_.missing) faults_.push_back(fmt::format("'{}' is missing", name));
      for (const std::string& name : result_.unexpected) faults_.push_back(fmt::format("'{}' is unexpected", name));
    }
    if (!faults_.empty()) {
      fail<FormatError>(kOp, "the dict must fit the module", fmt::format("{}", fmt::join(faults_, ", ")),
                        bad_names ? "strict = false passes over missing and unexpected names" : "");
    }
    return std::move(result_);
  }

 private:
  const StateDict& dict_;
  bool strict_;
  std::set<std::string> taken_;
  std::vector<std::string> faults_;
  LoadResult result_;
};

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
  Reader reader(dict, options.strict);
  std::vector<Assignment> assignments;
  for (const auto& [name, p] : named_parameters()) {
    Tensor dense = reader.take(name, p.shape(), p.dtype());
    if (!dict.contains(name)) continue;  // a mask alone is unexpected
    const Tensor mask = reader.take(mask_name(name), p.shape(), DType::boolean, !p.is_csr());
    if (mask.defined() && p.requires_dense()) {
      reader.add_fault(fmt::format("'{}' has a mask, but the parameter has requires_dense", name));
    }
    if (dense.defined())
      assignments.push_back({name, p, std::move(dense), mask.defined() ? pattern_of(mask, p) : p.pattern()});
  }
  std::vector<std::pair<Tensor, Tensor>> copies;
  for (const auto& [name, buffer] : named_buffers()) {
    if (const Tensor source = reader.take(name, buffer.shape(), buffer.dtype()); source.defined()) {
      copies.emplace_back(buffer, source);
    }
  }

  LoadResult result = reader.finish();
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
