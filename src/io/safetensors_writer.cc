// Writing safetensors files.
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "gossamer/dispatch.h"
#include "gossamer/error.h"
#include "gossamer/io/safetensors.h"
#include "io/atomic_file.h"
#include "io/safetensors_dtype.h"
#include "io/safetensors_header.h"
#include "io/saving.h"
#include "runtime/check.h"
#include "runtime/utf8.h"

namespace gossamer::io {
namespace {

constexpr std::string_view kOp = "save_safetensors";

using NamedTensor = StateDict::value_type;

void check_header_size(size_t bytes) {
  if (bytes <= size_t{kLargestHeader}) return;
  fail<FormatError>(kOp, fmt::format("names and metadata must make a header of at most {} bytes", kLargestHeader),
                    fmt::format("{}", bytes), "save in several files");
}

void check(const StateDict& tensors, const SafetensorsOptions& options) {
  size_t bytes = 0;
  for (const auto& [name, tensor] : tensors) bytes += name.size();
  for (const auto& [key, value] : options.metadata) bytes += key.size() + value.size();
  check_header_size(bytes);
  constexpr std::string_view kMust = "names and texts must be UTF-8";
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.defined()) fail<StateError>(kOp, "tensors must be defined", fmt::format("{} is not", shown(name)));
    if (name == kMetadata) {
      fail<FormatError>(kOp, "the name of a tensor must not be that of the metadata", shown(name), "rename it");
    }
    if (!rt::is_utf8(name)) fail<FormatError>(kOp, kMust, shown(name));
  }
  for (const auto& [key, value] : options.metadata) {
    if (!rt::is_utf8(key) || !rt::is_utf8(value)) fail<FormatError>(kOp, kMust, fmt::format("metadata {}", shown(key)));
  }
}

// Elements of 8 bytes first, then those of 4, then bytes: all are aligned, since the data begin at a multiple of 8.
std::vector<const NamedTensor*> in_order(const StateDict& tensors) {
  const auto rank = [](const NamedTensor* tensor) {
    constexpr int kRanks[] = {2, 1, 0, 3, 4};  // of f32, f64, i64, i32, bool
    return kRanks[static_cast<size_t>(tensor->second.dtype())];
  };
  std::vector<const NamedTensor*> order;
  order.reserve(tensors.size());
  for (const NamedTensor& tensor : tensors) order.push_back(&tensor);
  std::ranges::stable_sort(order, {}, rank);
  return order;
}

std::string metadata_text(const std::map<std::string, std::string>& metadata) {
  std::vector<std::string> members;
  members.reserve(metadata.size());
  for (const auto& [key, value] : metadata) {
    members.push_back(fmt::format("{}:{}", rt::json_text(key), rt::json_text(value)));
  }
  return fmt::format("{}:{{{}}}", rt::json_text(kMetadata), fmt::join(members, ","));
}

// Padded to a multiple of 8 bytes.
std::string header_of(const std::vector<const NamedTensor*>& order, const SafetensorsOptions& options) {
  std::vector<std::string> members;
  members.reserve(order.size() + 1);
  if (!options.metadata.empty()) members.push_back(metadata_text(options.metadata));
  int64_t begin = 0;
  for (const NamedTensor* const named : order) {
    const auto& [name, tensor] = *named;
    const int64_t end = begin + tensor.bytes();
    members.push_back(fmt::format(R"({}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", rt::json_text(name),
                                  safetensors_name(tensor.dtype()), fmt::join(tensor.shape(), ","), begin, end));
    begin = end;
  }
  std::string header = fmt::format("{{{}}}", fmt::join(members, ","));
  header.append((8 - header.size() % 8) % 8, ' ');
  check_header_size(header.size());
  return header;
}

std::span<const std::byte> bytes_of(const Tensor& tensor) {
  return dispatch_all(tensor.dtype(), [&]<class T>() { return std::as_bytes(tensor.span<T>()); });
}

}  // namespace

void save_safetensors(const std::filesystem::path& path, const StateDict& tensors, const SafetensorsOptions& options) {
  save_safetensors(path, tensors, options, [](const Tensor&) {});
}

void save_safetensors(const std::filesystem::path& path, const StateDict& tensors, const SafetensorsOptions& options,
                      const Written& written) {
  check(tensors, options);
  const std::vector<const NamedTensor*> order = in_order(tensors);
  const std::string header = header_of(order, options);
  const uint64_t length = header.size();

  AtomicFile file(path, kOp);
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(header);
  for (const NamedTensor* const tensor : order) {
    file.write(bytes_of(tensor->second));
    written(tensor->second);
  }
  file.commit();
}

}  // namespace gossamer::io
