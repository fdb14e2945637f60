// Reads a state, tensors by name, and collects all that is wrong with it before anything is taken up.
#pragma once

#include <fmt/format.h>

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/tensor.h"
#include "runtime/check.h"

namespace gossamer {

class StateReader {
 public:
  explicit StateReader(const std::map<std::string, Tensor>& state) : state_(state) {}

  // Null where the entry is missing; that is a fault only when it is required.
  const Tensor* find(const std::string& key, bool required) {
    known_.insert(key);
    const auto found = state_.find(key);
    if (found != state_.end() && found->second.defined()) return &found->second;
    if (required || found != state_.end()) faults_.push_back(fmt::format("{} is missing", key));
    return nullptr;
  }

  template <class T>
  T scalar(const std::string& key) {
    const Tensor* tensor = find(key, true);
    if (tensor == nullptr) return T(0);
    if (tensor->dtype() != dtype_of<T> || tensor->numel() != 1) {
      fault(key, fmt::format("one {}", dtype_name(dtype_of<T>)), describe(*tensor));
      return T(0);
    }
    return tensor->data<T>()[0];
  }

  void check_tensor(const std::string& key, bool required, const Shape& shape, DType dtype) {
    const Tensor* tensor = find(key, required);
    if (tensor == nullptr || (tensor->shape() == shape && tensor->dtype() == dtype)) return;
    fault(key, fmt::format("{} {}", dtype_name(dtype), shape.to_string()), describe(*tensor));
  }

  void fault(const std::string& key, const std::string& must, const std::string& given) {
    faults_.push_back(fmt::format("{} must be {}, not {}", key, must, given));
  }

  // Throws FormatError when there was any fault, or the state has entries that nobody asked for.
  void finish(std::string_view op, std::string_view must, std::string_view remedy) {
    for (const auto& [key, tensor] : state_) {
      if (!known_.contains(key)) faults_.push_back(fmt::format("{} is unexpected", key));
    }
    if (!faults_.empty()) fail<FormatError>(op, must, fmt::format("{}", fmt::join(faults_, ", ")), remedy);
  }

 private:
  static std::string describe(const Tensor& tensor) {
    return fmt::format("{} {}", dtype_name(tensor.dtype()), tensor.shape().to_string());
  }

  const std::map<std::string, Tensor>& state_;
  std::set<std::string> known_;
  std::vector<std::string> faults_;
};

}  // namespace gossamer
