// Other sparse libraries, so that the table shows what else there is. Each is optional: the build takes what it finds.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "bench/layer.h"
#include "gossamer/csr_pattern.h"

namespace gossamer::bench {

// The products of one layer by another library, filled with random numbers.
class Peer {
 public:
  virtual ~Peer() = default;
  // The batch in the order that the library likes best where the layout is Native.
  virtual void run(Kernel kernel, Layout layout, int threads) = 0;
};

struct PeerLibrary {
  std::string_view name;
  bool has_threads;  // else it runs on one
  std::unique_ptr<Peer> (*create)(const CsrPattern& pattern, int64_t n);
};

// Those that this program was built with.
const std::vector<PeerLibrary>& peer_libraries();

}  // namespace gossamer::bench
