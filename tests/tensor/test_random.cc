// Philox, uniform numbers, keys, and sampling without replacement.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/random.h"
#include "gossamer/runtime.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/tensors.h"

namespace gossamer::test_random {
namespace {

using Words = std::array<uint32_t, 4>;

// The known answers that the authors of Philox publish for 4x32 with 10 rounds (Random123, kat_vectors).
TEST(Philox, GivesTheKnownAnswers) {
  constexpr uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomBits, AreTheHalvesOfConsecutiveBlocks) {
  for (const uint64_t block : {uint64_t{0}, uint64_t{5}, uint64_t{1} << 40}) {
    const uint64_t key = 0x123456789abcdef0;
    const Words words =
        philox4x32({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0}, {0x9abcdef0, 0x12345678});
    EXPECT_EQ(random_bits(key, 2 * block), words[0] | uint64_t{words[1]} << 32);
    EXPECT_EQ(random_bits(key, 2 * block + 1), words[2] | uint64_t{words[3]} << 32);
  }
}

TEST(Uniform, NumbersLieInTheHalfOpenIntervalWithTheRightMoments) {
  const int64_t n = 100000;
  double sum = 0;
  double squares = 0;
  double neighbours = 0;
  double previous = 0.5;
  std::array<int, 16> bins{};
  for (int64_t i = 0; i < n; ++i) {
    const float f = random_float(3, static_cast<uint64_t>(i));
    const double d = random_double(3, static_cast<uint64_t>(i));
    ASSERT_TRUE(f >= 0 && f < 1 && d >= 0 && d < 1);
    // The same bits, cut at another place.
    ASSERT_LE(std::abs(f - d), 0x1.0p-24);
    sum += d;
    squares += d * d;
    neighbours += (d - 0.5) * (previous - 0.5);
    previous = d;
    ++bins[static_cast<size_t>(d * 16)];
  }
  const double root = std::sqrt(static_cast<double>(n));
  EXPECT_NEAR(sum / n, 0.5, 5 * std::sqrt(1.0 / 12) / root);
  EXPECT_NEAR(squares / n, 1.0 / 3, 5 * std::sqrt(4.0 / 45) / root);
  EXPECT_NEAR(neighbours / n, 0, 5.0 / 12 / root);
  double chi_square = 0;
  for (const int count : bins) chi_square += (count - n / 16.0) * (count - n / 16.0) / (n / 16.0);
  // 15 degrees of freedom: 44 is passed once in 10,000.
  EXPECT_LT(chi_square, 44);
}

TEST(Uniform, FillIsAFunctionOfKeyAndIndex) {
  const Tensor x = uniform({50000}, 9, DType::f32, -2, 3);
  for (const int64_t i : {0, 1, 16383, 16384, 49999}) {
    EXPECT_FLOAT_EQ(x.data<float>()[i], -2 + 5 * random_float(9, static_cast<uint64_t>(i)));
  }
  EXPECT_GE(*std::min_element(x.data<float>(), x.data<float>() + x.numel()), -2);
  EXPECT_LE(*std::max_element(x.data<float>(), x.data<float>() + x.numel()), 3);
  Tensor one_thread = Tensor::empty({50000});
  with_threads(1, [&] { fill_uniform(one_thread, 9, -2, 3); });
  golden::expect_equal(one_thread, x);
  Tensor labels = Tensor::zeros({2}, DType::i64);
  message_of<DTypeError>([&] { fill_uniform(labels, 1, 0, 1); });
}

TEST(DeriveKey, DependsOnEveryArgument) {
  std::set<uint64_t> keys;
  const std::vector<std::string> names{"",           "a",          std::string(1, '\0'), std::string(8, '\0'),
                                       "fc1.weight", "fc2.weight", "fc1.weigh",          "weightfc1.",
                                       "12345678",   "123456781",  "1234567812345678"};
  for (const uint64_t seed : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 63}) {
    for (const std::string& name : names) {
      for (const int64_t step : {int64_t{-1}, int64_t{0}, int64_t{1}, int64_t{1} << 40}) {
        keys.insert(derive_key(seed, name, step));
      }
    }
  }
  EXPECT_EQ(keys.size(), 3 * names.size() * 4);
  EXPECT_EQ(derive_key(5, "fc1.weight", 7), derive_key(5, "fc1.weight", 7));
}

TEST(Generator, ContinuesFromItsCount) {
  Generator rng(7);
  const uint64_t first = rng.next_key();
  const uint64_t second = rng.next_key();
  EXPECT_NE(first, second);
  EXPECT_EQ(rng.count(), 2);
  Generator resumed(7);
  resumed.set_count(1);
  EXPECT_EQ(resumed.next_key(), second);
  EXPECT_NE(Generator(8).next_key(), first);
}

TEST(Sample, IsDistinctAscendingAndWithinRangeForEverySizeAndCount) {
  for (int64_t n = 0; n <= 70; ++n) {
    for (int64_t k = 0; k <= n; ++k) {
      const std::vector<int64_t> sample = sample_without_replacement(static_cast<uint64_t>(n * 71 + k), n, k);
      ASSERT_EQ(static_cast<int64_t>(sample.size()), k);
      for (size_t i = 0; i < sample.size(); ++i) {
        ASSERT_LT(i == 0 ? -1 : sample[i - 1], sample[i]) << "n " << n << ", k " << k;
        ASSERT_LT(sample[i], n);
      }
      if (k == n && n > 0) {
        ASSERT_EQ(sample.front(), 0);
        ASSERT_EQ(sample.back(), n - 1);
      }
    }
  }
}

TEST(RandomTensors, TakeOneKeyAndAreTheFillsOfIt) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    Generator rng(3);
    Generator same(3);
    const Tensor flat = rand({4, 5}, rng, dtype);
    const Tensor normal = randn({4, 5}, rng, dtype);
    EXPECT_EQ(rng.count(), 2U);
    Tensor expected = Tensor::empty({4, 5}, dtype);
    fill_uniform(expected, same.next_key(), 0, 1);
    golden::expect_equal(flat, expected);
    const uint64_t key = same.next_key();
    for (int64_t i = 0; i < 20; ++i) {
      const double drawn = random_normal(key, static_cast<uint64_t>(i));
      EXPECT_EQ(normal.alias({1}, i).item<double>(), dtype == DType::f32 ? static_cast<float>(drawn) : drawn);
    }
    fill_normal(expected, key, 5, 0);
    golden::expect_equal(expected, Tensor::full({4, 5}, 5, dtype));
  }
}

TEST(RandomTensors, OfIntegersAreRefusedAndTakeNoKey) {
  Generator rng(3);
  EXPECT_EQ(message_of<DTypeError>([&] { randn({2}, rng, DType::i64); }).find("randn: "), 0U);
  message_of<DTypeError>([&] { rand({2}, rng, DType::boolean); });
  EXPECT_EQ(rng.count(), 0U);
}

TEST(Sample, IsAFunctionOfItsArguments) {
  EXPECT_EQ(sample_without_replacement(1, 1000, 10), sample_without_replacement(1, 1000, 10));
  EXPECT_NE(sample_without_replacement(1, 1000, 10), sample_without_replacement(2, 1000, 10));
}

TEST(Sample, ReachesFarBeyond32Bits) {
  const int64_t n = int64_t{1} << 50;
  const std::vector<int64_t> sample = sample_without_replacement(1, n, 1000);
  EXPECT_TRUE(std::is_sorted(sample.begin(), sample.end(), std::less_equal{}));
  EXPECT_GE(sample.front(), 0);
  EXPECT_LT(sample.back(), n);
  // With 1000 draws, one above and one below the middle are certain for all practical purposes.
  EXPECT_GT(sample.back(), n / 2);
  EXPECT_LT(sample.front(), n / 2);
}

TEST(Sample, ChoosesEveryElementEquallyOften) {
  for (const auto& [n, k] : {std::pair<int64_t, int64_t>{3, 1}, {5, 2}, {7, 3}, {16, 4}, {33, 16}, {70, 7}}) {
    const int trials = 4000;
    std::vector<int> counts(static_cast<size_t>(n));
    for (int trial = 0; trial < trials; ++trial) {
      for (const int64_t i : sample_without_replacement(random_bits(99, static_cast<uint64_t>(trial)), n, k)) {
        ++counts[static_cast<size_t>(i)];
      }
    }
    const double p = static_cast<double>(k) / static_cast<double>(n);
    double chi_square = 0;
    for (const int count : counts) chi_square += (count - trials * p) * (count - trials * p) / (trials * p * (1 - p));
    // Near n - 1 on average, with a deviation of sqrt(2 n).
    const double size = static_cast<double>(n);
    EXPECT_LT(chi_square, size + 5 * std::sqrt(2 * size)) << "n " << n << ", k " << k;
  }
}

TEST(Sample, ChoosesEveryPairEquallyOften) {
  const int64_t n = 6;
  const int trials = 15000;
  std::array<std::array<int, 6>, 6> counts{};
  for (int trial = 0; trial < trials; ++trial) {
    const auto pair = sample_without_replacement(random_bits(5, static_cast<uint64_t>(trial)), n, 2);
    ++counts[static_cast<size_t>(pair[0])][static_cast<size_t>(pair[1])];
  }
  double chi_square = 0;
  for (size_t i = 0; i < 6; ++i) {
    for (size_t j = i + 1; j < 6; ++j) chi_square += (counts[i][j] - 1000.0) * (counts[i][j] - 1000.0) / 1000;
  }
  // 14 degrees of freedom: 42 is passed once in 10,000.
  EXPECT_LT(chi_square, 42);
}

TEST(Sample, RefusesMoreThanThereIs) {
  EXPECT_NE(message_of<ConfigError>([] { sample_without_replacement(1, 3, 4); }).find("k 4, n 3"), std::string::npos);
  message_of<ConfigError>([] { sample_without_replacement(1, 3, -1); });
  message_of<ConfigError>([] { sample_without_replacement(1, -1, 0); });
}

}  // namespace
}  // namespace gossamer::test_random
