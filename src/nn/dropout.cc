#include "gossamer/nn/dropout.h"

#include <fmt/format.h>

#include <atomic>

#include "gossamer/ops/activation.h"
#include "runtime/check.h"

namespace gossamer::nn {

Dropout::Dropout(const DropoutOptions& options, Generator& rng) : options_(options) {
  if (!(options.p >= 0 && options.p < 1)) {
    fail<ConfigError>("Dropout", "p must be at least 0 and below 1", fmt::format("{}", options.p));
  }
  register_buffer("calls", calls_);
  if (!options_.key) options_.key = rng.next_key();
}

Tensor Dropout::forward(const Tensor& x) {
  if (!training() || options_.p == 0) return x;
  // Atomic: several threads may run forward at once.
  const int64_t call = std::atomic_ref(*calls_.mutable_data<int64_t>()).fetch_add(1, std::memory_order_relaxed);
  return dropout(x, options_.p, random_bits(*options_.key, static_cast<uint64_t>(call)));
}

}  // namespace gossamer::nn
