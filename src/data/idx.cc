// Parser of IDX files. Nothing that a header claims is trusted before the bytes are there.
#include "gossamer/data/idx.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>
#include <limits>
#include <span>
#include <string_view>
#include <utility>

#include "gossamer/error.h"
#include "io/byte_source.h"
#include "runtime/check.h"

namespace gossamer::data {
namespace {

class Parser {
 public:
  Parser(io::ByteSource& source, std::string_view op, const IdxOptions& options)
      : source_(source), op_(op), max_bytes_(options.max_bytes) {}

  IdxArray parse() {
    IdxArray array;
    const std::array<uint8_t, 4> magic = header_bytes<4>();
    if (magic[0] != 0 || magic[1] != 0) {
      fail_format("an IDX file must start with two zero bytes",
                  fmt::format("'{}' starts with {:02x} {:02x}", source_.name(), magic[0], magic[1]));
    }
    array.type = checked_type(magic[2]);
    for (int rank = magic[3]; rank > 0; --rank) {
      int64_t dim = 0;
      for (const uint8_t b : header_bytes<4>()) dim = dim << 8 | b;
      array.shape.push_back(dim);
    }
    read_elements(array);
    to_host_order(array);
    return array;
  }

 private:
  template <size_t N>
  std::array<uint8_t, N> header_bytes() {
    std::array<uint8_t, N> bytes{};
    if (source_.read(bytes) != N) {
      fail_format("the header must hold 4 bytes, and 4 for each dimension",
                  fmt::format("'{}' ends inside it", source_.name()));
    }
    return bytes;
  }

  IdxType checked_type(uint8_t code) const {
    for (const IdxType type : {IdxType::U8, IdxType::I8, IdxType::I16, IdxType::I32, IdxType::F32, IdxType::F64}) {
      if (code == static_cast<uint8_t>(type)) return type;
    }
    fail_format("the element type must be 08, 09, 0b, 0c, 0d or 0e",
                fmt::format("'{}' says {:02x}", source_.name(), code));
  }

  // Bytes of all elements. The other dimensions count beside a 0 too, so that the product of any part of the shape
  // fits.
  int64_t checked_bytes(const IdxArray& array) const {
    int64_t bytes = element_size(array.type);
    for (const int64_t dim : array.shape) {
      if (dim > std::numeric_limits<int64_t>::max() / bytes) {
        fail_format("the size in bytes must fit 63 bits", fmt::format("'{}' declares {}", source_.name(), array.shape));
      }
      bytes *= std::max<int64_t>(dim, 1);
    }
    if (std::ranges::count(array.shape, 0) > 0) return 0;
    if (bytes > max_bytes_) {
      fail<FormatError>(op_, fmt::format("the elements must take at most {} bytes", max_bytes_),
                        fmt::format("'{}' declares {}", source_.name(), bytes), "raise max_bytes if that is right");
    }
    return bytes;
  }

  void read_elements(IdxArray& array) {
    const int64_t size = checked_bytes(array);
    array.bytes = io::read_bytes<std::vector<uint8_t>>(source_, size, size);
    if (std::ssize(array.bytes) < size) {
      fail_format(fmt::format("{} bytes must follow the header", size),
                  fmt::format("'{}' has {}", source_.name(), array.bytes.size()));
    }
    if (!io::at_end(source_)) {
      fail_format(fmt::format("the file must end after {} bytes of elements", size),
                  fmt::format("'{}' goes on", source_.name()));
    }
  }

  static void to_host_order(IdxArray& array) {
    if constexpr (std::endian::native == std::endian::little) {
      const int64_t size = element_size(array.type);
      if (size == 1) return;
      for (auto element = array.bytes.begin(); element != array.bytes.end(); element += size) {
        std::reverse(element, element + size);
      }
    }
  }

  [[noreturn]] void fail_format(std::string_view must, std::string_view given) const {
    fail<FormatError>(op_, must, given, "download or generate the file again");
  }

  io::ByteSource& source_;
  std::string_view op_;
  int64_t max_bytes_;
};

}  // namespace

int64_t element_size(IdxType type) noexcept {
  switch (type) {
    case IdxType::U8:
    case IdxType::I8:
      return 1;
    case IdxType::I16:
      return 2;
    case IdxType::I32:
    case IdxType::F32:
      return 4;
    case IdxType::F64:
      break;
  }
  return 8;
}

IdxArray read_idx(const std::filesystem::path& path, const IdxOptions& options) {
  return Parser(*io::open_file(path, "read_idx"), "read_idx", options).parse();
}

IdxArray parse_idx(std::span<const uint8_t> file, std::string_view name, const IdxOptions& options) {
  return Parser(*io::open_memory(file, name), "parse_idx", options).parse();
}

}  // namespace gossamer::data
