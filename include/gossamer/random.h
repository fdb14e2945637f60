// Randomness as a function of (key, index): counter based, no hidden state, the same on every machine and thread count.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3",
// https://doi.org/10.1145/2063384.2063405): 128 random bits for a 128-bit counter and a 64-bit key.
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// 64 random bits, number `index` of the stream `key`.
uint64_t random_bits(uint64_t key, uint64_t index);

// Uniform in [0, 1), number `index` of the stream `key`, with 24 (float) or 53 (double) random bits.
float random_float(uint64_t key, uint64_t index);
double random_double(uint64_t key, uint64_t index);

// low + (high - low) * random_float(key, index).
double random_uniform(uint64_t key, uint64_t index, double low, double high);

// Standard normal, number `index` of the stream `key` (Box and Muller 1958, https://doi.org/10.1214/aoms/1177706645).
double random_normal(uint64_t key, uint64_t index);

// A key for whatever is random about `name` at `step`, given the seed: independent streams for different arguments.
uint64_t derive_key(uint64_t seed, std::string_view name, int64_t step);

// k different numbers of [0, n), ascending, every subset equally likely for all practical purposes, in O(k) time and
// memory. A function of (key, n, k). Throws ConfigError unless 0 <= k <= n.
std::vector<int64_t> sample_without_replacement(uint64_t key, int64_t n, int64_t k);

// Element i of a floating tensor becomes random_uniform(key, i, low, high).
void fill_uniform(Tensor& tensor, uint64_t key, double low, double high);

// Element i of a floating tensor becomes mean + std * random_normal(key, i).
void fill_normal(Tensor& tensor, uint64_t key, double mean, double std);

// Hands out keys. Copyable and comparable state: (seed, number of keys handed out).
class Generator {
 public:
  explicit Generator(uint64_t seed) : seed_(seed) {}

  uint64_t next_key() { return random_bits(seed_, count_++); }

  uint64_t seed() const { return seed_; }
  uint64_t count() const { return count_; }
  void set_count(uint64_t count) { count_ = count; }

 private:
  uint64_t seed_;
  uint64_t count_ = 0;
};

// New tensors, f32 or f64 (DTypeError): uniform in [0, 1), and of the standard normal distribution. One key is taken
// from rng, and elements are functions of (key, index): the same for any number of threads.
[[nodiscard]] Tensor rand(const Shape& shape, Generator& rng, DType dtype = DType::f32);
[[nodiscard]] Tensor randn(const Shape& shape, Generator& rng, DType dtype = DType::f32);

}  // namespace gossamer
#pragma GCC visibility pop
