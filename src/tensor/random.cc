#include "gossamer/random.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

#include "gossamer/dispatch.h"
#include "kernels/reference/dropout.h"
#include "runtime/check.h"
#include "runtime/parallel.h"

namespace gossamer {

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  return kernels::reference::philox4x32(counter, key);
}

namespace {
std::array<uint32_t, 2> halves(uint64_t x) { return {static_cast<uint32_t>(x), static_cast<uint32_t>(x >> 32)}; }
}  // namespace

uint64_t random_bits(uint64_t key, uint64_t index) {
  const auto [low, high] = halves(index / 2);
  const auto block = philox4x32({low, high, 0, 0}, halves(key));
  const size_t at = index % 2 * 2;
  return block[at] | uint64_t{block[at + 1]} << 32;
}

float random_float(uint64_t key, uint64_t index) {
  return static_cast<float>(random_bits(key, index) >> 40) * 0x1.0p-24F;
}

double random_double(uint64_t key, uint64_t index) {
  return static_cast<double>(random_bits(key, index) >> 11) * 0x1.0p-53;
}

double random_uniform(uint64_t key, uint64_t index, double low, double high) {
  return low + (high - low) * random_float(key, index);
}

double random_normal(uint64_t key, uint64_t index) {
  const uint64_t bits = random_bits(key, index);
  constexpr double kScale = 1.0 / 4294967296.0;
  const double radius = (static_cast<double>(bits >> 32) + 0.5) * kScale;  // never 0
  const double angle = static_cast<double>(bits & 0xffffffffU) * kScale;
  return std::sqrt(-2 * std::log(radius)) * std::cos(2 * std::numbers::pi * angle);
}

uint64_t derive_key(uint64_t seed, std::string_view name, int64_t step) {
  // Absorbs the name eight bytes at a time; the length first, so that no two names share a sequence of blocks.
  uint64_t key = random_bits(seed, name.size());
  for (size_t i = 0; i < name.size(); i += 8) {
    uint64_t chunk = 0;
    for (size_t j = i; j < std::min(i + 8, name.size()); ++j) chunk = chunk << 8 | static_cast<unsigned char>(name[j]);
    key = random_bits(key, chunk);
  }
  return random_bits(key, static_cast<uint64_t>(step));
}

namespace {

// A keyed bijection of [0, 2^bits): an alternating Feistel network with round keys
// from Philox. With few bits it is the rounds that mix, hence twelve of them.
class Permutation {
 public:
  Permutation(uint64_t key, int bits) : low_bits_(bits / 2), high_bits_(bits - bits / 2) {
    for (size_t i = 0; i < round_keys_.size(); ++i) round_keys_[i] = random_bits(key, i);
  }

  uint64_t operator()(uint64_t x) const {
    uint64_t low = x & mask(low_bits_);
    uint64_t high = x >> low_bits_;
    for (size_t i = 0; i < round_keys_.size(); i += 2) {
      low ^= mix(high, round_keys_[i]) & mask(low_bits_);
      high ^= mix(low, round_keys_[i + 1]) & mask(high_bits_);
    }
    return high << low_bits_ | low;
  }

 private:
  static uint64_t mask(int bits) { return (uint64_t{1} << bits) - 1; }
  // The finalizer of splitmix64: full avalanche in two multiplications.
  static uint64_t mix(uint64_t x, uint64_t key) {
    x += key;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
    return x ^ (x >> 31);
  }

  int low_bits_;
  int high_bits_;
  std::array<uint64_t, 12> round_keys_{};
};

// Least significant digit first, 11 bits a pass: linear in the number of elements.
void radix_sort(std::vector<int64_t>& values, int bits) {
  std::vector<int64_t> other(values.size());
  for (int shift = 0; shift < bits; shift += 11) {
    std::array<size_t, 2049> begin{};
    for (const int64_t v : values) ++begin[static_cast<size_t>(v >> shift & 2047) + 1];
    for (size_t i = 1; i < begin.size(); ++i) begin[i] += begin[i - 1];
    for (const int64_t v : values) other[begin[static_cast<size_t>(v >> shift & 2047)]++] = v;
    values.swap(other);
  }
}

}  // namespace

std::vector<int64_t> sample_without_replacement(uint64_t key, int64_t n, int64_t k) {
  if (n < 0 || k < 0 || k > n) {
    fail<ConfigError>("sample_without_replacement", "0 <= k <= n must hold", fmt::format("k {}, n {}", k, n));
  }
  std::vector<int64_t> sample(static_cast<size_t>(k));
  if (k == 0) return sample;
  const int bits = std::max(2, static_cast<int>(std::bit_width(static_cast<uint64_t>(n - 1))));
  const Permutation permutation(key, bits);
  // The first k images of a bijection of [0, n). The network's domain is the next power of two; walking along a cycle
  // until it is back inside [0, n) makes a bijection of [0, n) of it, in under two steps on average.
  rt::parallel_chunks(k, rt::kElementGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      uint64_t image = permutation(static_cast<uint64_t>(i));
      while (image >= static_cast<uint64_t>(n)) image = permutation(image);
      sample[static_cast<size_t>(i)] = static_cast<int64_t>(image);
    }
  });
  radix_sort(sample, bits);
  return sample;
}

namespace {

// Element i becomes draw(i).
template <class Draw>
void fill(std::string_view op, Tensor& tensor, const Draw& draw) {
  dispatch_floating(tensor.dtype(), op, [&]<class T>() {
    T* data = tensor.mutable_data<T>();
    rt::parallel_chunks(tensor.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) data[i] = static_cast<T>(draw(static_cast<uint64_t>(i)));
    });
  });
}

// Refuses a dtype before a key is taken.
Tensor empty_floating(std::string_view op, const Shape& shape, DType dtype) {
  if (!is_floating(dtype)) throw_not_floating(op, dtype);
  return Tensor::empty(shape, dtype);
}

}  // namespace

void fill_uniform(Tensor& tensor, uint64_t key, double low, double high) {
  fill("fill_uniform", tensor, [=](uint64_t i) { return random_uniform(key, i, low, high); });
}

void fill_normal(Tensor& tensor, uint64_t key, double mean, double std) {
  fill("fill_normal", tensor, [=](uint64_t i) { return mean + std * random_normal(key, i); });
}

Tensor rand(const Shape& shape, Generator& rng, DType dtype) {
  Tensor x = empty_floating("rand", shape, dtype);
  fill_uniform(x, rng.next_key(), 0, 1);
  return x;
}

Tensor randn(const Shape& shape, Generator& rng, DType dtype) {
  Tensor x = empty_floating("randn", shape, dtype);
  fill_normal(x, rng.next_key(), 0, 1);
  return x;
}

}  // namespace gossamer
