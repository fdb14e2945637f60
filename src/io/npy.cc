#include "gossamer/io/npy.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gossamer/dispatch.h"
#include "gossamer/error.h"
#include "gossamer/ops/shape.h"
#include "io/atomic_file.h"
#include "io/npy_format.h"
#include "io/npy_header.h"
#include "io/safetensors_dtype.h"
#include "runtime/check.h"

namespace gossamer::io {
namespace {

// How the elements of a type become those of a tensor.
struct Conversion {
  DType dtype;
  void (*convert)(const std::byte* from, void* to, int64_t n);  // null where the bytes are the same
};

// Unlike U64 of safetensors, which no library gives by itself, u8 is what NumPy makes of counts and hashes.
void narrow(const std::byte* from, void* to, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    uint64_t in = 0;
    std::memcpy(&in, from + i * 8, 8);
    const int64_t out = in > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) ? -1 : static_cast<int64_t>(in);
    std::memcpy(static_cast<std::byte*>(to) + i * 8, &out, 8);
  }
}

Conversion conversion_of(std::string_view type) {
  if (type == "u8") return {DType::i64, narrow};
  if (type == "b1") type = "BOOL";
  constexpr std::pair<std::string_view, std::string_view> kSafetensors[] = {
      {"i1", "I8"},  {"i2", "I16"}, {"i4", "I32"}, {"i8", "I64"}, {"u1", "U8"},
      {"u2", "U16"}, {"u4", "U32"}, {"f2", "F16"}, {"f4", "F32"}, {"f8", "F64"}};
  for (const auto& [npy, safetensors] : kSafetensors) {
    if (npy == type) type = safetensors;
  }
  const SafetensorsDtype& dtype = *find_safetensors_dtype(type);
  return {*dtype.tensor, dtype.convert};
}

std::span<std::byte> bytes_of(Tensor& tensor) {
  return dispatch_all(tensor.dtype(), [&]<class T>() {
    return std::span(reinterpret_cast<std::byte*>(tensor.mutable_data<T>()), static_cast<size_t>(tensor.bytes()));
  });
}

void swap_bytes(std::span<std::byte> bytes, int64_t element) {
  for (auto at = bytes.begin(); at != bytes.end(); at += element) std::reverse(at, at + element);
}

void read_elements(const ByteRange& data, const NpyHeader& header, const Conversion& conversion, Tensor& tensor) {
  const int64_t element = header.type[1] - '0';
  const bool swap = header.big_endian && element > 1;
  const std::span<std::byte> to = bytes_of(tensor);
  if (conversion.convert == nullptr) {
    data.read(0, to);
    if (swap) swap_bytes(to, element);
    return;
  }
  std::vector<std::byte> chunk(size_t{64} << 10);
  const int64_t widened = dtype_size(tensor.dtype());
  for (int64_t done = 0; done < data.size();) {
    const int64_t bytes = std::min(data.size() - done, std::ssize(chunk));
    const std::span from = std::span(chunk).first(static_cast<size_t>(bytes));
    data.read(done, from);
    if (swap) swap_bytes(from, element);
    conversion.convert(from.data(), to.data() + done / element * widened, bytes / element);
    done += bytes;
  }
}

// The tensor of the same elements whose dimensions come in the other order.
Tensor reversed(const Tensor& tensor) {
  std::vector<int> dims;
  for (int dim = tensor.rank(); dim-- > 0;) dims.push_back(dim);
  return permute(tensor, dims);
}

}  // namespace

Tensor read_npy(const ByteRange& file, const Origin& origin) {
  NpyHeader header = read_npy_header(file, origin);
  if (header.bytes != file.size() - header.begin) {
    origin.refuse(fmt::format("{} bytes of elements must follow the header, and nothing else", header.bytes),
                  fmt::format("{} bytes follow", file.size() - header.begin), "copy or save the file again");
  }
  if (header.fortran_order) std::ranges::reverse(header.shape);
  const Conversion conversion = conversion_of(header.type);
  Tensor tensor = Tensor::empty(Shape(header.shape), conversion.dtype);
  read_elements(file.part(header.begin, header.bytes), header, conversion, tensor);
  if (header.type == "u8" && tensor.numel() > 0 && std::ranges::min(std::as_const(tensor).span<int64_t>()) < 0) {
    origin.refuse("elements of type u8 must be below 2^63", "one is not", "save them as float64");
  }
  return header.fortran_order && tensor.rank() > 1 ? reversed(tensor) : tensor;
}

std::span<const std::byte> elements_of(const Tensor& tensor) {
  return dispatch_all(tensor.dtype(), [&]<class T>() { return std::as_bytes(tensor.span<T>()); });
}

void check_defined(std::string_view op, std::string_view name, const Tensor& tensor) {
  if (!tensor.defined()) {
    fail<StateError>(op, "every tensor must be defined", fmt::format("{} is not", shown(name)));
  }
}

Tensor load_npy(const std::filesystem::path& path) {
  const InputFile file(path, "load_npy");
  return read_npy(ByteRange(file), {file.op(), path.string()});
}

Tensor parse_npy(std::span<const std::byte> bytes, std::string_view name) {
  return read_npy(ByteRange(bytes), {"parse_npy", std::string(name)});
}

void save_npy(const std::filesystem::path& path, const Tensor& tensor) {
  constexpr std::string_view kOp = "save_npy";
  check_defined(kOp, path.string(), tensor);
  const std::string header = npy_header(tensor);
  AtomicFile file(path, kOp);
  file.write(header);
  file.write(elements_of(tensor));
  file.commit();
}

}  // namespace gossamer::io
