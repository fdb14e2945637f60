#include "cli/tensor_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>
#include <utility>

#include "cli/output.h"
#include "gossamer/dtype.h"
#include "gossamer/error.h"
#include "gossamer/io/npy.h"
#include "io/atomic_file.h"
#include "io/safetensors_index.h"
#include "io/saving.h"
#include "runtime/check.h"
#include "tensor/mask_bytes.h"

namespace gossamer::cli {

namespace {

using nn::WeightForm;

constexpr std::string_view kCrow = ".crow_indices", kCol = ".col_indices", kValues = ".values", kShape = ".shape";
constexpr std::string_view kMask = "_mask", kOrig = "_orig";

bool is_float(std::string_view dtype) { return dtype.starts_with("F") || dtype.starts_with("BF"); }

std::string operator+(const std::string& name, std::string_view suffix) { return std::string(name).append(suffix); }

// The name without the suffix, or "".
std::string stem(const std::string& name, std::string_view suffix) {
  return name.ends_with(suffix) ? name.substr(0, name.size() - suffix.size()) : "";
}

Shape to_shape(const Tensor& sizes) {
  const Tensor as_i64 = sizes.to(DType::i64);
  const auto span = as_i64.span<int64_t>();
  return Shape(std::vector<int64_t>(span.begin(), span.end()));
}

Weight csr_weight(const TensorFile& file, std::string name) {
  const auto& tensors = file.tensors();
  if (!tensors.contains(name + kShape)) {
    fail<FormatError>("weights",
                      fmt::format("'{}{}' must be there, since the other arrays do not say the columns", name, kShape),
                      "it is missing");
  }
  const TensorInfo& values = tensors.at(name + kValues);
  const Shape shape = to_shape(file.tensor(name + kShape));
  const int64_t count = values.shape.numel();
  const int64_t size = count == 0 ? 4 : values.bytes / count;
  return {std::move(name), WeightForm::Csr, values.dtype, shape, shape.numel() * size, size};
}

// Whether a tensor has all parts of a form, and which weight they make.
bool is_csr(const std::map<std::string, TensorInfo>& tensors, const std::string& weight) {
  return !weight.empty() && tensors.contains(weight + kCrow) && tensors.contains(weight + kCol) &&
         tensors.contains(weight + kValues);
}

bool has_mask(const std::map<std::string, TensorInfo>& tensors, const std::string& values, const std::string& mask) {
  const auto found = tensors.find(values);
  return found != tensors.end() && tensors.contains(mask) && is_float(found->second.dtype);
}

Tensor to_bits(const Tensor& mask, const std::string& name) {
  if (!holds_bits(mask)) {
    fail<FormatError>("weights", fmt::format("'{}' must hold 0 and 1 only", name), "it holds others");
  }
  return mask.to(DType::boolean);
}

}  // namespace

TensorFile::TensorFile(const std::filesystem::path& path) {
  if (io::is_safetensors_index(path)) {
    add_index(path);
  } else if (path.extension() == ".npz") {
    add_arrays(path, io::load_npz(path));
  } else if (path.extension() == ".npy") {
    add_arrays(path, {{path.stem().string(), io::load_npy(path)}});
  } else {
    add(path, io::Safetensors::open(path));
  }
}

// The headers alone are read: together the files may be larger than memory.
void TensorFile::add_index(const std::filesystem::path& path) {
  constexpr std::string_view kOp = "weights";
  for (const io::SafetensorsShard& shard : io::read_safetensors_index(path, kOp)) {
    const io::Safetensors file = io::Safetensors::open(shard.path);
    io::check_shard(shard, file.entries(), {std::string(kOp), shard.path.string()});
    add(shard.path, file);
  }
}

void TensorFile::add_arrays(const std::filesystem::path& path, StateDict arrays) {
  file_bytes_ = static_cast<int64_t>(std::filesystem::file_size(path));
  for (const auto& [name, array] : arrays) {
    std::string dtype(dtype_name(array.dtype()));
    for (char& c : dtype) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    infos_[name] = {std::move(dtype), array.shape(), array.bytes()};
  }
  arrays_ = std::move(arrays);
}

void TensorFile::add(const std::filesystem::path& path, const io::Safetensors& file) {
  file_bytes_ += static_cast<int64_t>(std::filesystem::file_size(path));
  for (const io::SafetensorsEntry& entry : file.entries()) {
    infos_[entry.name] = {std::string(entry.dtype), entry.shape, entry.end - entry.begin};
    files_.emplace(entry.name, file);
  }
  metadata_.insert(file.metadata().begin(), file.metadata().end());
}

Tensor TensorFile::tensor(const std::string& name) const {
  const auto array = arrays_.find(name);
  return array == arrays_.end() ? files_.at(name).tensor(name) : array->second;
}

int64_t TensorFile::bytes() const {
  int64_t sum = 0;
  for (const auto& [name, info] : infos_) sum += info.bytes;
  return sum;
}

StateDict TensorFile::state_dict(WorkBar& bar) const {
  bar.begin(bytes());
  StateDict dict = arrays_;
  for (const auto& [name, file] : files_) {
    dict.emplace(name, file.tensor(name));
    bar.advance(infos_.at(name).bytes);
  }
  return dict;
}

std::vector<Weight> find_weights(const TensorFile& file) {
  const auto& tensors = file.tensors();
  std::vector<Weight> weights;
  for (const auto& [name, info] : tensors) {
    if (const std::string weight = stem(name, kCrow); is_csr(tensors, weight)) {
      weights.push_back(csr_weight(file, weight));
      continue;
    }
    const auto is_part = [&name = name, &tensors](std::string_view suffix) {
      return is_csr(tensors, stem(name, suffix));
    };
    if (is_part(kCol) || is_part(kValues) || is_part(kShape)) continue;
    const std::string masked_name = stem(name, kMask);
    if (has_mask(tensors, masked_name, name) || has_mask(tensors, masked_name + kOrig, name)) continue;
    const std::string pruned_name = stem(name, kOrig);
    Weight weight{name, WeightForm::Dense, info.dtype, info.shape, info.bytes};
    if (const int64_t count = info.shape.numel(); count > 0) weight.value_size = info.bytes / count;
    if (!pruned_name.empty() && has_mask(tensors, name, pruned_name + kMask)) {
      weight.name = pruned_name;
      weight.form = WeightForm::Prune;
    } else if (has_mask(tensors, name, name + kMask)) {
      weight.form = WeightForm::Mask;
    }
    weights.push_back(std::move(weight));
  }
  std::ranges::sort(weights, {}, &Weight::name);
  return weights;
}

StateDict read_weights(const TensorFile& file, const std::vector<Weight>& weights, WorkBar& bar) {
  StateDict dict = file.state_dict(bar);
  for (const Weight& weight : weights) {
    if (weight.form != WeightForm::Mask && weight.form != WeightForm::Prune) continue;
    const std::string mask_name = weight.name + kMask;
    Tensor& mask = dict.at(mask_name);
    if (mask.shape() != weight.shape) {
      fail<FormatError>("weights",
                        fmt::format("'{}' must have the shape of its weight, {}", mask_name, weight.shape.to_string()),
                        mask.shape().to_string());
    }
    mask = to_bits(mask, mask_name);
    if (weight.form == WeightForm::Prune) {
      const auto original = dict.find(weight.name + kOrig);
      if (!dict.emplace(weight.name, masked(original->second, mask)).second) {
        fail<FormatError>("weights", fmt::format("'{}' must have one form", weight.name),
                          fmt::format("'{}{}' is beside it", weight.name, kOrig));
      }
      dict.erase(original);
    }
  }
  return dict;
}

void check_output(std::string_view op, const std::filesystem::path& path) {
  if (path.extension() != ".safetensors" && path.extension() != ".npz") {
    fail<ConfigError>(op, "the output must end in .safetensors or .npz", fmt::format("'{}'", path.string()));
  }
  const io::AtomicFile file(path, op);  // which is removed, since nothing is committed
}

void save_tensors(const std::filesystem::path& path, const StateDict& tensors,
                  const std::map<std::string, std::string>& metadata, const TensorFile& file, WorkBar& bar) {
  int64_t bytes = 0;
  for (const auto& [name, tensor] : tensors) bytes += tensor.bytes();
  bar.begin(bytes);
  const auto written = [&](const Tensor& tensor) { bar.advance(tensor.bytes()); };
  const bool is_npz = path.extension() == ".npz";
  if (is_npz) {
    io::save_npz(path, tensors, written);
  } else {
    io::save_safetensors(path, tensors, {.metadata = metadata}, written);
  }
  constexpr std::pair<std::string_view, std::string_view> kWidened[] = {
      {"F16", "F32"}, {"BF16", "F32"}, {"I8", "I32"}, {"U8", "I32"}, {"I16", "I32"}, {"U16", "I32"}, {"U32", "I64"}};
  for (const auto& [from, to] : kWidened) {
    if (std::ranges::any_of(file.tensors(), [&from = from](const auto& t) { return t.second.dtype == from; })) {
      print_warning(fmt::format("tensors of {} are written as {}", from, to));
    }
  }
  if (is_npz && !metadata.empty()) print_warning("an .npz holds no metadata");
}

}  // namespace gossamer::cli
