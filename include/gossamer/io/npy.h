// .npy and .npz, the array files of NumPy (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "gossamer/state_dict.h"
#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer::io {

// Reads an array of version 1, 2 or 3 of the format, in C or Fortran order and either byte order:
//   f4, f8, i4, i8, b1   f32, f64, i32, i64, bool (true for any byte but 0)
//   f2                   f32
//   i1, u1, i2, u2       i32
//   u4, u8               i64 (FormatError for an element that does not fit)
// Memory is taken once the file is known to hold the elements. Throws FormatError, naming the file and the fault, for
// arrays of objects, texts, dates, records and complex numbers, more than 8 dimensions, and whatever is not exactly
// such a file, bytes after the last element included; FileError when it cannot be read.
Tensor load_npy(const std::filesystem::path& path);
// The same for a file in memory. `name` stands for it in error messages.
Tensor parse_npy(std::span<const std::byte> bytes, std::string_view name = "(memory)");

// Writes version 1 in C order, with its elements at a multiple of 64 bytes, atomically: whatever happens, the path
// names the whole old file or the whole new one. Throws StateError for an undefined tensor, FileError when the file
// cannot be written.
void save_npy(const std::filesystem::path& path, const Tensor& tensor);

struct NpzOptions {
  // Of all compressed arrays together; what would unpack to more is refused. Arrays that are not compressed are as
  // large as their file.
  int64_t max_unpacked_bytes = int64_t{1} << 30;
};

// Reads the arrays of a zip archive by name, `.npy` taken off: what numpy.savez and savez_compressed write. Throws
// FormatError, naming file and member, for whatever is not exactly such an archive: a member that is no array or comes
// twice, directory and members that disagree or overlap, encryption, other ways of compression, a wrong checksum, an
// archive in several parts or with a comment; FileError when it cannot be read.
StateDict load_npz(const std::filesystem::path& path, const NpzOptions& options = {});
// The same for a file in memory. `name` stands for it in error messages.
StateDict parse_npz(std::span<const std::byte> bytes, std::string_view name = "(memory)",
                    const NpzOptions& options = {});

// Writes `<name>.npy` for each tensor, not compressed (zip64 where it must be), atomically as save_npy(). Throws
// StateError for an undefined tensor, FormatError for a name that is empty, too long or not UTF-8, FileError when the
// file cannot be written.
void save_npz(const std::filesystem::path& path, const StateDict& arrays);

}  // namespace gossamer::io
#pragma GCC visibility pop
