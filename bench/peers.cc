#include "bench/peers.h"

#ifdef GOSSAMER_BENCH_EIGEN
#include "bench/eigen_products.h"
#endif

namespace gossamer::bench {

const std::vector<PeerLibrary>& peer_libraries() {
  static const std::vector<PeerLibrary> libraries = {
#ifdef GOSSAMER_BENCH_EIGEN
      {"eigen", eigen_has_threads(), create_eigen_products},
#endif
  };
  return libraries;
}

}  // namespace gossamer::bench
