#include <span>

#include "gossamer/io/npy.h"
#include "tests/fuzz/target.h"

namespace gossamer::fuzz {

FUZZ_TARGET(npy) {
  accepts([&] {
    const Tensor array = io::parse_npy(std::as_bytes(bytes), kName);
    // f2 is widened to twice its size, i1 and u1 to four times.
    require(array.bytes() <= 4 * static_cast<int64_t>(bytes.size()), "no element is made up");
  });
}

FUZZ_TARGET(npz) {
  constexpr int64_t kMaxBytes = int64_t{1} << 20;
  accepts([&] {
    for (const auto& [name, array] : io::parse_npz(std::as_bytes(bytes), kName, {.max_unpacked_bytes = kMaxBytes})) {
      require(array.defined(), "every array is there");
    }
  });
}

}  // namespace gossamer::fuzz
