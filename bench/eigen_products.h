// The products of a CSR layer as a user of Eigen writes them.
#pragma once

#include <cstdint>
#include <memory>

#include "bench/peers.h"

namespace gossamer::bench {

bool eigen_has_threads();
std::unique_ptr<Peer> create_eigen_products(const CsrPattern& pattern, int64_t n);

}  // namespace gossamer::bench
