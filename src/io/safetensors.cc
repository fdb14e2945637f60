#include "gossamer/io/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "gossamer/dispatch.h"
#include "gossamer/error.h"
#include "io/mapped_file.h"
#include "io/safetensors_dtype.h"
#include "io/safetensors_header.h"
#include "io/safetensors_index.h"
#include "runtime/check.h"
#include "runtime/parallel.h"

namespace gossamer::io {
namespace {

constexpr int64_t kLengthBytes = 8;

// How files begin that are given in the place of safetensors. Read as a length, each is beyond the longest header.
struct OtherFormat {
  std::string_view begin;
  std::string_view remedy;
};
constexpr std::string_view kPickle =
    "it is a pickle of Python: load it there and save it by safetensors.torch.save_file()";
constexpr std::array kOtherFormats{
    OtherFormat{"PK\x03\x04",
                "it is a zip archive: load_npz() reads an .npz; what torch.save() wrote is to be loaded in Python and "
                "saved by safetensors.torch.save_file()"},
    OtherFormat{"\x80\x02", kPickle},
    OtherFormat{"\x80\x03", kPickle},
    OtherFormat{"\x80\x04", kPickle},
    OtherFormat{"\x80\x05", kPickle},
    OtherFormat{"\x93NUMPY", "it is an array of NumPy: load_npy() reads it"},
    OtherFormat{"\x89HDF", "it is an HDF5 file: load it with what wrote it and save it by safetensors"},
};

// What to do with a file whose first bytes, read as a length, are no header's.
std::string_view remedy_for(uint64_t length) {
  if (length > static_cast<uint64_t>(kLargestHeader)) {
    const auto first = std::bit_cast<std::array<char, sizeof(length)>>(length);
    for (const OtherFormat& other : kOtherFormats) {
      if (std::string_view(first.data(), first.size()).starts_with(other.begin)) return other.remedy;
    }
  }
  return "it is truncated, or no safetensors file";
}

std::byte* elements(Tensor& tensor) {
  return dispatch_all(tensor.dtype(),
                      [&]<class T>() { return reinterpret_cast<std::byte*>(tensor.mutable_data<T>()); });
}

}  // namespace

struct Safetensors::Contents {
  Contents(const std::filesystem::path& path, std::string_view op)
      : origin{std::string(op), path.string()}, file(std::in_place, path, op) {
    read_header();
  }
  Contents(std::span<const std::byte> bytes, std::string_view op, std::string_view name)
      : origin{std::string(op), std::string(name)}, memory(bytes) {
    read_header();
  }

  int64_t size() const { return file ? file->size() : std::ssize(memory); }
  std::span<const std::byte> bytes() const { return file ? file->bytes() : memory; }
  void read_at(int64_t offset, std::span<std::byte> out) const {
    if (file) {
      file->read_at(offset, out);
    } else {
      std::ranges::copy(memory.subspan(static_cast<size_t>(offset), out.size()), out.begin());
    }
  }

  void read_header() {
    if (size() < kLengthBytes) {
      origin.refuse("a safetensors file must begin with the length of its header", fmt::format("{} bytes", size()));
    }
    uint64_t length = 0;
    read_at(0, std::as_writable_bytes(std::span(&length, 1)));
    const int64_t room = size() - kLengthBytes;
    if (length > static_cast<uint64_t>(std::min(room, kLargestHeader))) {
      origin.refuse(fmt::format("the header must be within the file and have at most {} bytes", kLargestHeader),
                    fmt::format("{} bytes in a file of {}", length, size()), remedy_for(length));
    }
    MemoryBudget budget(size());
    budget.take(length, origin);
    std::string text(length, '\0');
    read_at(kLengthBytes, std::as_writable_bytes(std::span(text)));
    data = kLengthBytes + std::ssize(text);
    header = parse_safetensors_header(text, size() - data, budget, origin);
  }

  const SafetensorsEntry* find(std::string_view name) const {
    const auto at = std::ranges::partition_point(
        header.entries, [&](const SafetensorsEntry& entry) { return entry.name.compare(name) < 0; });
    return at == header.entries.end() || at->name != name ? nullptr : &*at;
  }

  const SafetensorsEntry& get(std::string_view op, std::string_view name) const {
    const SafetensorsEntry* const entry = find(name);
    if (entry == nullptr) {
      fail<IndexError>(op, "the name must be one of the file's", fmt::format("{} in '{}'", shown(name), origin.name),
                       "entries() lists them");
    }
    return *entry;
  }

  Tensor tensor(std::string_view op, const SafetensorsEntry& entry) const {
    const SafetensorsDtype& dtype = *find_safetensors_dtype(entry.dtype);
    if (!dtype.tensor) {
      fail<DTypeError>(op, "the elements must be of a type that tensors hold",
                       fmt::format("'{}': {} is {}", origin.name, shown(entry.name), dtype.name),
                       "read them by Safetensors::bytes()");
    }
    Tensor tensor = Tensor::empty(entry.shape, *dtype.tensor);
    std::byte* const to = elements(tensor);
    if (dtype.convert == nullptr) {
      read_at(data + entry.begin, {to, static_cast<size_t>(tensor.bytes())});
      return tensor;
    }
    const int64_t from_size = dtype.bits / 8;
    const int64_t to_size = dtype_size(*dtype.tensor);
    constexpr int64_t kGrain = int64_t{1} << 18;
    rt::parallel_chunks(tensor.numel(), kGrain, [&](int64_t begin, int64_t end) {
      std::vector<std::byte> part(static_cast<size_t>((end - begin) * from_size));
      read_at(data + entry.begin + begin * from_size, part);
      dtype.convert(part.data(), to + begin * to_size, end - begin);
    });
    return tensor;
  }

  StateDict state_dict(std::string_view op) const {
    StateDict dict;
    for (const SafetensorsEntry& entry : header.entries) {
      dict.emplace_hint(dict.end(), entry.name, tensor(op, entry));
    }
    return dict;
  }

  Origin origin;
  std::optional<MappedFile> file;
  std::span<const std::byte> memory;  // without a file
  SafetensorsHeader header;
  int64_t data = 0;  // where it begins
};

Safetensors Safetensors::open(const std::filesystem::path& path) {
  return Safetensors(std::make_shared<const Contents>(path, "Safetensors::open"));
}

Safetensors Safetensors::from_bytes(std::span<const std::byte> bytes, std::string_view name) {
  return Safetensors(std::make_shared<const Contents>(bytes, "Safetensors::from_bytes", name));
}

std::span<const SafetensorsEntry> Safetensors::entries() const { return contents_->header.entries; }

const std::map<std::string, std::string>& Safetensors::metadata() const { return contents_->header.metadata; }

bool Safetensors::contains(std::string_view name) const { return contents_->find(name) != nullptr; }

const SafetensorsEntry& Safetensors::entry(std::string_view name) const {
  return contents_->get("Safetensors::entry", name);
}

std::span<const std::byte> Safetensors::bytes(std::string_view name) const {
  const SafetensorsEntry& entry = contents_->get("Safetensors::bytes", name);
  return contents_->bytes().subspan(static_cast<size_t>(contents_->data + entry.begin),
                                    static_cast<size_t>(entry.end - entry.begin));
}

Tensor Safetensors::tensor(std::string_view name) const {
  constexpr std::string_view kOp = "Safetensors::tensor";
  return contents_->tensor(kOp, contents_->get(kOp, name));
}

StateDict Safetensors::state_dict() const { return contents_->state_dict("Safetensors::state_dict"); }

StateDict load_safetensors(const std::filesystem::path& path) {
  constexpr std::string_view kOp = "load_safetensors";
  if (!is_safetensors_index(path)) return Safetensors::Contents(path, kOp).state_dict(kOp);
  StateDict all;
  for (const SafetensorsShard& shard : read_safetensors_index(path, kOp)) {
    const Safetensors::Contents contents(shard.path, kOp);
    check_shard(shard, contents.header.entries, contents.origin);
    all.merge(contents.state_dict(kOp));
  }
  return all;
}

}  // namespace gossamer::io
