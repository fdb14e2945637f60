// The safetensors format: tensors by name, and texts about them, in one file that any framework reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "gossamer/shape.h"
#include "gossamer/state_dict.h"
#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer::io {

// What a file says of one tensor.
struct SafetensorsEntry {
  std::string name;
  std::string_view dtype;  // as the format spells it: "F32", "BF16", "I64", ...
  Shape shape;
  int64_t begin = 0;  // of its bytes, from the start of the data on; [begin, end)
  int64_t end = 0;
};

// A file opened for reading, whose header was found sound in every respect: docs/checkpoints.md lists what is refused.
// A handle: copies share the file, which stays open as long as one of them lives. Reading is thread-safe.
class Safetensors {
 public:
  // Throws FileError when the file cannot be read, FormatError when it is not sound; both name it.
  static Safetensors open(const std::filesystem::path& path);
  // Reads from memory, which must outlive all copies; `name` stands for the file in messages.
  static Safetensors from_bytes(std::span<const std::byte> bytes, std::string_view name = "memory");

  // Ordered by name.
  std::span<const SafetensorsEntry> entries() const;
  // The texts under "__metadata__".
  const std::map<std::string, std::string>& metadata() const;

  bool contains(std::string_view name) const;
  // The functions below throw IndexError for a name that the file does not hold.
  const SafetensorsEntry& entry(std::string_view name) const;
  // The bytes of a tensor of any dtype, little-endian, where they are: the file is mapped by the first call. They live
  // as long as a copy of this object, and need not be aligned. Who shortens the file meanwhile makes reading them
  // fatal.
  std::span<const std::byte> bytes(std::string_view name) const;
  // A copy as a tensor: F64, F32, I64, I32 as they are, F16 and BF16 as f32, U8, I8, U16 and I16 as i32, U32 as i64,
  // all exact; BOOL is true for any byte but 0. DTypeError for other dtypes, which bytes() gives.
  Tensor tensor(std::string_view name) const;
  // All tensors, as by tensor().
  StateDict state_dict() const;

 private:
  struct Contents;
  explicit Safetensors(std::shared_ptr<const Contents> contents) : contents_(std::move(contents)) {}
  friend StateDict load_safetensors(const std::filesystem::path& path);

  std::shared_ptr<const Contents> contents_;
};

// All tensors of a file, or of the files that an index lists (a path that ends in ".index.json"), as by
// Safetensors::tensor(). The files of an index must lie beside it and hold what it says, no more and no less. Throws
// FileError, FormatError or DTypeError.
StateDict load_safetensors(const std::filesystem::path& path);

struct SafetensorsOptions {
  std::map<std::string, std::string> metadata;  // texts in UTF-8
};

// Writes a file: i64, f64, f32, i32 and bool tensors, in this order and by name within it, as the format's own library
// does; the same tensors make the same bytes. The path names the whole old file until the new one is on the disk
// (docs/checkpoints.md), and an error leaves the old one as it was. Throws FileError naming path and cause; FormatError
// for the name "__metadata__" and for texts that are not UTF-8; StateError for an undefined tensor.
void save_safetensors(const std::filesystem::path& path, const StateDict& tensors,
                      const SafetensorsOptions& options = {});

}  // namespace gossamer::io
#pragma GCC visibility pop
