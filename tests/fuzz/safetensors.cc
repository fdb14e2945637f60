#include "gossamer/io/safetensors.h"

#include <algorithm>
#include <filesystem>
#include <string>

#include "tests/fuzz/target.h"
#include "tests/support/files.h"

namespace gossamer::fuzz {

namespace {

io::Safetensors opened(Bytes bytes) { return io::Safetensors::from_bytes(std::as_bytes(bytes), kName); }

// All that become tensors: the other types are bytes alone.
StateDict tensors_of(const io::Safetensors& file) {
  StateDict tensors;
  for (const io::SafetensorsEntry& entry : file.entries()) {
    try {
      tensors.emplace(entry.name, file.tensor(entry.name));
    } catch (const DTypeError&) {
    }
  }
  return tensors;
}

std::span<const std::byte> elements(const Tensor& t) {
  switch (t.dtype()) {
    case DType::f32:
      return std::as_bytes(t.span<float>());
    case DType::f64:
      return std::as_bytes(t.span<double>());
    case DType::i64:
      return std::as_bytes(t.span<int64_t>());
    case DType::i32:
      return std::as_bytes(t.span<int32_t>());
    case DType::boolean:
      break;
  }
  return std::as_bytes(t.span<bool>());
}

bool equal(const StateDict& a, const StateDict& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.dtype() == y.second.dtype() && x.second.shape() == y.second.shape() &&
           std::ranges::equal(elements(x.second), elements(y.second));
  });
}

}  // namespace

FUZZ_TARGET(safetensors) {
  accepts([&] {
    const io::Safetensors file = opened(bytes);
    int64_t size = 0;
    for (const io::SafetensorsEntry& entry : file.entries()) size += std::ssize(file.bytes(entry.name));
    require(size <= static_cast<int64_t>(bytes.size()), "tensors do not overlap");
    tensors_of(file);
  });
}

// An index beside one file of two tensors, x and y.
FUZZ_TARGET(safetensors_index) {
  static const TempFolder folder;
  static const bool written = [] {
    io::save_safetensors(folder.path() / "the-input-a.safetensors",
                         {{"x", Tensor::zeros({1})}, {"y", Tensor::zeros({2})}});
    return true;
  }();
  require(written, "the file is there");
  const auto index = folder.write(std::string(kName) + ".index.json", {bytes.begin(), bytes.end()});
  try {
    accepts([&] { io::load_safetensors(index); });
  } catch (const FileError&) {  // it names a file that is not there
  }
}

// What was read is written, and read again.
FUZZ_TARGET(state_dict) {
  static const TempFolder folder;
  accepts([&] {
    const io::Safetensors file = opened(bytes);
    const StateDict tensors = tensors_of(file);
    const std::filesystem::path copy = folder.path() / "copy.safetensors";
    io::save_safetensors(copy, tensors, {.metadata = file.metadata()});
    require(equal(io::load_safetensors(copy), tensors), "what is written is read again");
    require(io::Safetensors::open(copy).metadata() == file.metadata(), "metadata come back");
  });
}

}  // namespace gossamer::fuzz
