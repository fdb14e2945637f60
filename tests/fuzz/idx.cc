#include "gossamer/data/idx.h"

#include <vector>

#include "io/byte_source.h"
#include "tests/fuzz/target.h"

namespace gossamer::fuzz {

constexpr int64_t kMaxBytes = int64_t{1} << 20;

FUZZ_TARGET(idx) {
  accepts([&] {
    const data::IdxArray array = data::parse_idx(bytes, kName, {.max_bytes = kMaxBytes});
    int64_t size = data::element_size(array.type);
    for (const int64_t dim : array.shape) size *= dim;
    require(static_cast<int64_t>(array.bytes.size()) == size, "the elements fill the shape");
  });
}

FUZZ_TARGET(gzip) {
  accepts([&] {
    const auto source = io::unpack_gzip(io::open_memory(bytes, kName), "gzip");
    constexpr int64_t kUnpacked = int64_t{1} << 16;
    io::read_bytes<std::vector<uint8_t>>(*source, kUnpacked);
    io::at_end(*source);
  });
}

}  // namespace gossamer::fuzz
