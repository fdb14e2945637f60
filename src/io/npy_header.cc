#include "io/npy_header.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "gossamer/error.h"
#include "runtime/check.h"
#include "runtime/integer_text.h"

namespace gossamer::io {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

// The part of Python's literals that headers are made of, and nothing else: {'descr': '<f4', 'fortran_order': False,
// 'shape': (2, 3), }. What NumPy tolerates where the meaning is plain is tolerated: any order of the keys, double
// quotes, any padding, the L of Python 2's integers.
class LiteralParser {
 public:
  LiteralParser(std::string_view text, const Origin& origin) : text_(text), origin_(origin) {}

  NpyHeader parse() {
    std::optional<std::string_view> descr;
    std::optional<bool> fortran_order;
    std::optional<std::vector<int64_t>> shape;
    expect('{', "a dict");
    while (!take('}')) {
      const std::string_view key = string("a key in quotes");
      expect(':', "a colon after the key");
      if (key == "descr" && !descr) {
        descr = description();
      } else if (key == "fortran_order" && !fortran_order) {
        fortran_order = boolean();
      } else if (key == "shape" && !shape) {
        shape = tuple();
      } else {
        wrong("descr, fortran_order and shape, once each", key);
      }
      if (take(',')) continue;
      expect('}', "a comma or the end of the dict");
      break;
    }
    skip_blanks();
    if (!rest().empty()) wrong("nothing after the dict", rest());
    if (!descr || !fortran_order || !shape) wrong("descr, fortran_order and shape, once each", "one of them missing");
    NpyHeader header = elements(*descr);
    header.fortran_order = *fortran_order;
    header.shape = *std::move(shape);
    return header;
  }

 private:
  std::string_view rest() const { return text_.substr(at_); }

  void skip_blanks() { at_ = std::min(text_.find_first_not_of(" \n\r\t", at_), text_.size()); }

  bool take(char c) {
    skip_blanks();
    if (!rest().starts_with(c)) return false;
    ++at_;
    return true;
  }

  void expect(char c, std::string_view what) {
    if (!take(c)) wrong(what, rest());
  }

  std::string_view string(std::string_view what) {
    const char quote = take('\'') ? '\'' : '"';
    if (quote == '"' && !take('"')) wrong(what, rest());
    const size_t length = rest().find(quote);
    const std::string_view found = rest().substr(0, length);
    if (length == std::string_view::npos || found.find('\\') != std::string_view::npos) wrong(what, rest());
    at_ += length + 1;
    return found;
  }

  std::string_view description() {
    if (take('[')) {
      origin_.refuse("the elements must be numbers or bools", "records", "save each field as an array of its own");
    }
    return string("a text for descr");
  }

  bool boolean() {
    skip_blanks();
    for (const std::string_view word : {std::string_view("True"), std::string_view("False")}) {
      if (!rest().starts_with(word)) continue;
      at_ += word.size();
      return word == "True";
    }
    wrong("True or False for fortran_order", rest());
  }

  std::vector<int64_t> tuple() {
    constexpr std::string_view kWhat = "a tuple of sizes from 0 on for shape";
    std::vector<int64_t> sizes;
    expect('(', kWhat);
    while (!take(')')) {
      skip_blanks();
      int64_t size = 0;
      const auto [end, error] = rt::integer_from(rest(), size);
      const std::string_view digits = rest().substr(0, static_cast<size_t>(end - rest().data()));
      if (error != std::errc() || size < 0 || (digits.size() > 1 && digits[0] == '0')) wrong(kWhat, rest());
      if (std::ssize(sizes) == Shape::kMaxRank) wrong(fmt::format("at most {} dimensions", Shape::kMaxRank), "more");
      sizes.push_back(size);
      at_ += digits.size();
      if (rest().starts_with('L')) ++at_;
      if (take(',')) continue;
      if (sizes.size() == 1) wrong(kWhat, rest());  // (2) is a number in parentheses
      expect(')', kWhat);
      break;
    }
    return sizes;
  }

  // The type that a descr such as "<f4" or "|u1" stands for.
  NpyHeader elements(std::string_view descr) const {
    constexpr std::string_view kTypes[] = {"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"};
    const bool known = descr.size() == 3 && std::ranges::find(kTypes, descr.substr(1)) != std::end(kTypes);
    if (descr.find('O') != std::string_view::npos) {
      origin_.refuse("the elements must be numbers or bools",
                     "Python objects, which only running what the file says would make",
                     "save arrays of numbers, with allow_pickle=False");
    }
    // A byte order is not asked of bytes; any other type without one would mean that of whoever reads.
    const bool one_byte = known && descr[2] == '1';
    if (!known || !(descr[0] == '<' || descr[0] == '>' || (one_byte && descr[0] == '|'))) {
      origin_.refuse("the elements must be '|b1', or i, u or f with 1 to 8 bytes and a byte order, as in '<f4'",
                     shown(descr), "convert the array, as by astype('<f4')");
    }
    return {.type = std::string(descr.substr(1)), .big_endian = descr[0] == '>', .shape = {}};
  }

  [[noreturn]] void wrong(std::string_view what, std::string_view found) const {
    origin_.refuse(fmt::format("the header must have {}", what),
                   fmt::format("at byte {} of it: {}", at_, found.empty() ? "its end" : shown(found)),
                   "save the array again");
  }

  std::string_view text_;
  const Origin& origin_;
  size_t at_ = 0;
};

// Bytes of all elements. The other dimensions count beside a 0 too, so that the product of any part of the shape fits.
int64_t checked_bytes(const NpyHeader& header, const Origin& origin) {
  int64_t bytes = header.type[1] - '0';
  for (const int64_t dim : header.shape) {
    // Conversion may take up to four times as much.
    if (dim > std::numeric_limits<int64_t>::max() / 4 / bytes) {
      origin.refuse("the size in bytes must fit 63 bits", fmt::format("shape ({})", fmt::join(header.shape, ", ")));
    }
    bytes *= std::max<int64_t>(dim, 1);
  }
  return std::ranges::count(header.shape, 0) > 0 ? 0 : bytes;
}

// Reads the magic bytes, the version and the length of the header, and moves `begin` behind the header.
std::string header_text(const ByteRange& file, const Origin& origin, int64_t& begin) {
  const auto wrong = [&](std::string_view must, std::string_view given) {
    origin.refuse(must, given, "save the array again");
  };
  std::array<uint8_t, 12> start{};
  const auto n = static_cast<size_t>(std::min<int64_t>(start.size(), file.size()));
  file.read(0, std::as_writable_bytes(std::span(start).first(n)));
  if (std::memcmp(start.data(), kMagic.data(), kMagic.size()) != 0) {
    wrong("the file must begin with \\x93NUMPY", "it does not");
  }
  if (n < start.size()) wrong("the file must hold a header", fmt::format("{} bytes", n));
  const int version = start[6];
  if (version < 1 || version > 3 || start[7] != 0) {
    wrong("the version must be 1.0, 2.0 or 3.0", fmt::format("{}.{}", version, start[7]));
  }
  const int64_t length_bytes = version == 1 ? 2 : 4;
  begin = 8 + length_bytes;
  int64_t length = 0;
  for (int64_t i = begin; i-- > 8;) length = length << 8 | start[static_cast<size_t>(i)];
  if (length > file.size() - begin) wrong("the file must hold its header", fmt::format("one of {} bytes", length));
  // What version 1 can have; what is in it takes some hundred bytes.
  constexpr int64_t kMaxHeader = 0xFFFF;
  if (length > kMaxHeader)
    wrong(fmt::format("the header must have at most {} bytes", kMaxHeader), fmt::format("{}", length));
  std::string text(static_cast<size_t>(length), '\0');
  file.read(begin, std::as_writable_bytes(std::span(text)));
  begin += length;
  return text;
}

}  // namespace

NpyHeader read_npy_header(const ByteRange& file, const Origin& origin) {
  int64_t begin = 0;
  const std::string text = header_text(file, origin, begin);
  NpyHeader header = LiteralParser(text, origin).parse();
  header.begin = begin;
  header.bytes = checked_bytes(header, origin);
  return header;
}

std::string npy_header(const Tensor& tensor) {
  constexpr std::string_view kTypes[] = {"f4", "f8", "i8", "i4", "b1"};
  const std::string_view type = kTypes[static_cast<size_t>(tensor.dtype())];
  const char order = tensor.dtype() == DType::boolean ? '|' : std::endian::native == std::endian::little ? '<' : '>';
  const std::string literal = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}{}), }}", order, type,
                                          fmt::join(tensor.shape(), ", "), tensor.rank() == 1 ? "," : "");
  constexpr size_t kAlignment = 64;
  const size_t begin = kMagic.size() + 4;
  const size_t whole = (begin + literal.size() + 1 + kAlignment - 1) / kAlignment * kAlignment;
  const auto length = static_cast<unsigned>(whole - begin);
  std::string header(kMagic);
  for (const unsigned byte : {1U, 0U, length & 0xFFU, length >> 8})
    header.push_back(static_cast<char>(static_cast<uint8_t>(byte)));
  header += literal;
  header.append(whole - header.size() - 1, ' ');
  header.push_back('\n');
  return header;
}

}  // namespace gossamer::io
