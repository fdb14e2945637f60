#include "gossamer/nn/dropout.h"

#include <fmt/format.h>

#include <atomic>

#include "gossamer/ops.h"
#include "runtime/check.h"

namespace gossamer::nn {

namespace {

double checked(double p) {
  if (!(p >= 0 && p < 1)) fail<ConfigError>("Dropout", "p must be at least 0 and below 1", fmt::format("{}", p));
  return p;
}

}  // namespace

Dropout::Dropout(const DropoutOptions& options, Generator& rng) : p_(checked(options.p)), key_(rng.next_key()) {
  register_buffer("calls", calls_);
}

Dropout::Dropout(double p, uint64_t key) : p_(p), key_(key) { register_buffer("calls", calls_); }

Tensor Dropout::forward(const Tensor& x) {
  if (!training()) return x;
  // Atomic: several threads may run forward at once.
  const int64_t call = std::atomic_ref(*calls_.mutable_data<int64_t>()).fetch_add(1, std::memory_order_relaxed);
  return dropout(x, p_, random_bits(key_, static_cast<uint64_t>(call)));
}

std::unique_ptr<Module> Dropout::clone() const {
  std::unique_ptr<Dropout> copy(new Dropout(p_, key_));
  copy->calls_.copy_from(calls_);
  copy->train(training());
  return copy;
}

}  // namespace gossamer::nn
