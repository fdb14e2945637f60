#include "tensor/state_reader.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "runtime/check.h"

namespace gossamer {

namespace {

std::string describe(const Tensor& tensor) {
  return fmt::format("{} {}", dtype_name(tensor.dtype()), tensor.shape().to_string());
}

}  // namespace

Tensor StateReader::find(const std::string& name, Entry entry) {
  const auto found = dict_.find(name);
  if (found == dict_.end()) {
    if (entry == Entry::Required) result_.missing.push_back(name);
    return {};
  }
  known_.push_back(name);
  if (!found->second.defined()) faults_.push_back(fmt::format("'{}' is undefined", name));
  return found->second;
}

Tensor StateReader::find(const std::string& name, const Shape& shape, DType dtype, Entry entry) {
  const Tensor tensor = find(name, entry);
  if (!tensor.defined() || (tensor.shape() == shape && tensor.dtype() == dtype)) return tensor;
  fault(name, fmt::format("{} {}", dtype_name(dtype), shape.to_string()), describe(tensor));
  return {};
}

std::optional<std::string> StateReader::text(const std::string& name) {
  const Tensor bytes = find(name, Entry::Optional);
  if (!bytes.defined()) return std::nullopt;
  if (bytes.rank() != 1 || bytes.dtype() != DType::i32) {
    fault(name, "a text, i32 of rank 1", describe(bytes));
    return std::nullopt;
  }
  std::string text;
  for (const int32_t byte : bytes.span<int32_t>())
    text.push_back(static_cast<char>(static_cast<unsigned char>(byte & 0xFF)));
  return text;
}

Tensor state_text(std::string_view text) {
  std::vector<int32_t> bytes;
  bytes.reserve(text.size());
  for (const char c : text) bytes.push_back(static_cast<unsigned char>(c));
  return Tensor::from<int32_t>(bytes, {static_cast<int64_t>(bytes.size())});
}

Tensor StateReader::find_scalar(const std::string& name, DType dtype) {
  const Tensor tensor = find(name);
  if (!tensor.defined() || (tensor.numel() == 1 && tensor.dtype() == dtype)) return tensor;
  fault(name, fmt::format("one {}", dtype_name(dtype)), describe(tensor));
  return {};
}

LoadResult StateReader::unfit() const {
  LoadResult result = result_;
  std::vector<std::string> known = known_;
  std::ranges::sort(known);
  for (const auto& [name, tensor] : dict_) {
    if (!std::ranges::binary_search(known, name)) result.unexpected.push_back(name);
  }
  return result;
}

LoadResult StateReader::finish(std::string_view op, std::string_view must, std::string_view remedy,
                               std::string_view remedy_of_names) {
  result_ = unfit();
  const bool names_fit = result_.missing.empty() && result_.unexpected.empty();
  if (options_.strict) {
    for (const std::string& name : result_.missing) faults_.push_back(fmt::format("'{}' is missing", name));
    for (const std::string& name : result_.unexpected) faults_.push_back(fmt::format("'{}' is unexpected", name));
  }
  if (!faults_.empty()) {
    fail<FormatError>(op, must, fmt::format("{}", fmt::join(faults_, ", ")),
                      options_.strict && !names_fit && !remedy_of_names.empty() ? remedy_of_names : remedy);
  }
  return std::move(result_);
}

}  // namespace gossamer
