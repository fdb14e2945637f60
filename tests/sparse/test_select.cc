// Choosing connections: counts as in the reference, the largest, the absent, at random.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/error.h"
#include "gossamer/random.h"
#include "gossamer/sparse/algorithm.h"
#include "sparse/selection/select.h"
#include "tests/parameter/support.h"
#include "tests/support/golden.h"

namespace gossamer::sparse::test_select {
namespace {

using golden::Json;
using test::positions_of;
using test::random_pattern;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Json only_case(const std::string& kind) {
  const Json file = golden::load("cstorch_sparse.json");
  const Json& cases = file.at("cases");
  return *std::ranges::find_if(cases, [&](const Json& c) { return c.at("kind") == kind; });
}

// ---- Counts ----

TEST(Counts, NumKeptIsThatOfTheReference) {
  const Json table = only_case("topk_count_table");
  const Json& numel = table.at("in").at("numel");
  const Json& sparsity = table.at("in").at("sparsity");
  const Json& k = table.at("out").at("k");
  ASSERT_EQ(k.size(), sparsity.size());
  for (size_t s = 0; s < sparsity.size(); ++s) {
    ASSERT_EQ(k[s].size(), numel.size());
    for (size_t n = 0; n < numel.size(); ++n) {
      EXPECT_EQ(num_kept(sparsity[s].get<float>(), numel[n].get<int64_t>()), k[s][n].get<int64_t>())
          << sparsity[s] << " of " << numel[n];
    }
  }
}

TEST(Counts, NumAfterDropIsThatOfTheReference) {
  const Json table = only_case("drop_keep_table");
  const Json& nnz = table.at("in").at("nnz");
  const Json& drop = table.at("in").at("drop_fraction");
  const Json& keep = table.at("out").at("keep");
  ASSERT_EQ(keep.size(), drop.size());
  for (size_t d = 0; d < drop.size(); ++d) {
    ASSERT_EQ(keep[d].size(), nnz.size());
    for (size_t n = 0; n < nnz.size(); ++n) {
      EXPECT_EQ(num_after_drop(drop[d].get<float>(), nnz[n].get<int64_t>(), 1), keep[d][n].get<int64_t>())
          << drop[d] << " of " << nnz[n];
    }
  }
}

TEST(Counts, NumKeptIsNeverAboveTheNumberThereIs) {
  // As a float this n rounds up.
  const int64_t n = (int64_t{1} << 24) + 3;
  ASSERT_GT(static_cast<int64_t>(static_cast<float>(n)), n);
  EXPECT_EQ(num_kept(0.0F, n), n);
  EXPECT_EQ(num_kept(1.0F, n), 0);
}

TEST(Counts, NumAfterDropDividesAmongGroupsBeforeItTruncates) {
  // 0.5 * (25 / 4) = 3.125
  EXPECT_EQ(num_after_drop(0.5F, 25, 4), 3);
  EXPECT_EQ(num_after_drop(0.0F, 7, 2), 3);
}

TEST(Counts, ADropFractionOutsideZeroToOneDropsNothingOrAll) {
  EXPECT_EQ(num_after_drop(-0.25F, 24, 1), 24);
  EXPECT_EQ(num_after_drop(1.5F, 24, 1), 0);
  EXPECT_THROW(num_after_drop(std::nanf(""), 24, 1), ConfigError);
}

// ---- TopK ----

using Stream = std::vector<std::pair<double, int64_t>>;

Positions top_k(const Stream& stream, int64_t k) {
  TopK best(k);
  for (const auto& [score, position] : stream) best.offer(score, position);
  Positions chosen;
  best.take(chosen);
  std::ranges::sort(chosen);
  return chosen;
}

// The specification: all sorted by score, then position; NaN below every number.
Positions sorted_top_k(Stream stream, int64_t k) {
  std::ranges::sort(stream, [](const auto& a, const auto& b) {
    if (std::isnan(a.first) != std::isnan(b.first)) return std::isnan(b.first);
    if (a.first != b.first && !std::isnan(a.first)) return a.first > b.first;
    return a.second < b.second;
  });
  stream.resize(static_cast<size_t>(std::min(k, static_cast<int64_t>(stream.size()))));
  Positions chosen;
  for (const auto& [score, position] : stream) chosen.push_back(position);
  std::ranges::sort(chosen);
  return chosen;
}

// Scores from few values, so that most are tied; every 20th is NaN.
Stream random_stream(int64_t n, uint64_t values, uint64_t key) {
  Stream stream;
  for (int64_t i = 0; i < n; ++i) {
    const uint64_t bits = random_bits(key, static_cast<uint64_t>(i));
    stream.emplace_back(bits % 20 == 0 ? kNaN : static_cast<double>(bits / 20 % values), i);
  }
  return stream;
}

// A permutation that is a function of the key.
void shuffle(Stream& stream, uint64_t key) {
  for (size_t i = stream.size(); i > 1; --i) std::swap(stream[i - 1], stream[random_bits(key, i) % i]);
}

TEST(TopK, StreamingEqualsSortingWithManyTiesInAnyOrder) {
  uint64_t key = 0;
  for (const int64_t n : {0, 1, 2, 100, 5000, 20000}) {
    for (const uint64_t values : {1, 3, 50, 1000000}) {
      Stream stream = random_stream(n, values, ++key);
      for (const int64_t k : {int64_t{0}, int64_t{1}, n / 10, n / 2, n, n + 5}) {
        SCOPED_TRACE(testing::Message() << k << " of " << n << " with " << values << " values");
        const Positions expected = sorted_top_k(stream, k);
        EXPECT_EQ(top_k(stream, k), expected);
        Stream backwards(stream.rbegin(), stream.rend());
        EXPECT_EQ(top_k(backwards, k), expected);
        shuffle(backwards, ++key);
        EXPECT_EQ(top_k(backwards, k), expected);
      }
    }
  }
}

TEST(TopK, NanIsChosenOnlyWhenNothingElseIsLeft) {
  const Stream stream{{kNaN, 0}, {-1e300, 1}, {kNaN, 2}, {5, 3}};
  EXPECT_EQ(top_k(stream, 2), (Positions{1, 3}));
  EXPECT_EQ(top_k(stream, 3), (Positions{0, 1, 3}));
  EXPECT_EQ(top_k(stream, 4), (Positions{0, 1, 2, 3}));
}

TEST(TopK, TakeAppendsAndEmpties) {
  TopK best(2);
  best.offer(1, 10);
  Positions chosen{7};
  best.take(chosen);
  EXPECT_EQ(chosen, (Positions{7, 10}));
  best.take(chosen);
  EXPECT_EQ(chosen, (Positions{7, 10}));
}

// ---- largest_magnitudes ----

Positions sorted_magnitudes(const CsrPattern& pattern, const Tensor& values, const Groups& groups, int64_t keep) {
  std::vector<Stream> streams(static_cast<size_t>(groups.count()));
  const Tensor wide = values.to(DType::f64);
  pattern.for_each([&](const SlotPosition& p) {
    streams[static_cast<size_t>(groups.of(p.row, p.col))].emplace_back(std::abs(wide.data<double>()[p.slot]),
                                                                       p.row * pattern.cols() + p.col);
  });
  Positions all;
  for (const Stream& stream : streams) {
    const Positions chosen = sorted_top_k(stream, keep);
    all.insert(all.end(), chosen.begin(), chosen.end());
  }
  std::ranges::sort(all);
  return all;
}

TEST(LargestMagnitudes, EqualsSortingForEveryGrouping) {
  uint64_t key = 500;
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const double density : {0.0, 0.05, 0.5, 1.0}) {
      const auto pattern = random_pattern(24, 90, density, ++key);
      // Integers from -4 to 3: ties of both signs, zeros and NaN.
      Tensor values = Tensor::empty({pattern->nnz()}, DType::f64);
      for (int64_t i = 0; i < values.numel(); ++i) {
        const auto bits = random_bits(key, static_cast<uint64_t>(i));
        values.mutable_data<double>()[i] = bits % 11 == 0 ? kNaN : static_cast<double>(bits / 11 % 8) - 4;
      }
      values = values.to(dtype);
      for (const Groups& groups : {Groups{24, 90}, Groups{24, 90, 1, 3}, Groups{24, 90, 4, 1}, Groups{24, 90, 24, 1}}) {
        for (const int64_t keep : {0, 1, 7, 40, 540, 5000}) {
          SCOPED_TRACE(testing::Message() << density << ", " << groups.out << " x " << groups.in << ", keep " << keep);
          EXPECT_EQ(largest_magnitudes(*pattern, values, groups, keep),
                    sorted_magnitudes(*pattern, values, groups, keep));
        }
      }
    }
  }
}

TEST(LargestMagnitudes, TiesGoToTheLowerPosition) {
  const auto pattern = CsrPattern::from_positions(2, 4, Positions{1, 2, 4, 7});
  const Tensor values = pattern->from_canonical(Tensor::from<float>({-2, 2, 2, -3}, {4}));
  EXPECT_EQ(largest_magnitudes(*pattern, values, {2, 4}, 2), (Positions{1, 7}));
  EXPECT_EQ(largest_magnitudes(*pattern, values, {2, 4}, 3), (Positions{1, 2, 7}));
}

// ---- The absent ----

TEST(ForEachAbsent, VisitsWhatIsNotPresentInOrder) {
  const auto pattern = random_pattern(9, 11, 0.4, 600);
  const Positions present = positions_of(*pattern);
  Positions all = present;
  for (const std::pair<int64_t, int64_t>& rows : {std::pair<int64_t, int64_t>{0, 4}, {4, 4}, {4, 9}}) {
    for_each_absent(present, 11, rows.first, rows.second, [&](int64_t row, int64_t col, int64_t position) {
      EXPECT_EQ(position, row * 11 + col);
      EXPECT_TRUE(rows.first <= row && row < rows.second);
      all.push_back(position);
    });
  }
  std::ranges::sort(all);
  Positions expected(99);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(all, expected);
}

TEST(RandomAbsent, ChoosesTheGivenNumberOfAbsentPositionsAsAFunctionOfTheKey) {
  uint64_t key = 700;
  for (const double density : {0.0, 0.1, 0.5, 0.99, 1.0}) {
    for (const int64_t n : {1, 10, 1000}) {
      const Positions present = positions_of(*random_pattern(1, n, density, ++key));
      const int64_t absent = n - static_cast<int64_t>(present.size());
      for (const int64_t k : {int64_t{0}, absent / 3, absent}) {
        SCOPED_TRACE(testing::Message() << k << " of " << absent << " absent of " << n);
        const Positions chosen = random_absent(present, n, k, ++key);
        EXPECT_EQ(static_cast<int64_t>(chosen.size()), k);
        EXPECT_TRUE(std::ranges::is_sorted(chosen, std::less_equal{}));  // ascending, none twice
        Positions both;
        std::ranges::set_intersection(present, chosen, std::back_inserter(both));
        EXPECT_TRUE(both.empty());
        EXPECT_TRUE(chosen.empty() || (chosen.front() >= 0 && chosen.back() < n));
        EXPECT_EQ(random_absent(present, n, k, key), chosen);
        if (k == absent) {
          Positions all;
          std::ranges::merge(present, chosen, std::back_inserter(all));
          Positions expected(static_cast<size_t>(n));
          std::iota(expected.begin(), expected.end(), 0);
          EXPECT_EQ(all, expected);
        }
      }
    }
  }
  EXPECT_NE(random_absent({}, 1000, 100, 1), random_absent({}, 1000, 100, 2));
}

TEST(RandomAbsent, ReachesEveryAbsentPositionEvenly) {
  const Positions present{0, 3, 4, 9};
  std::vector<int> count(12, 0);
  for (uint64_t key = 0; key < 4000; ++key) {
    for (const int64_t p : random_absent(present, 12, 2, key)) ++count[static_cast<size_t>(p)];
  }
  for (int64_t p = 0; p < 12; ++p) {
    if (std::ranges::find(present, p) != present.end()) continue;
    // 1000 expected; five standard deviations of a binomial are below 150.
    EXPECT_NEAR(count[static_cast<size_t>(p)], 1000, 150) << p;
  }
}

TEST(ChangeTo, UnitesTwoDisjointListsInAnyOrderOfTheSecond) {
  const Parameter p =
      Parameter::csr({2, 4}, CsrPattern::from_positions(2, 4, Positions{0, 2, 5}), Tensor::from<float>({1, 2, 3}, {3}));
  p.apply(change_to(p, {2, 5}, {7, 0, 1}));
  EXPECT_EQ(positions_of(*p.pattern()), (Positions{0, 1, 2, 5, 7}));
  golden::expect_equal(p.dense(), Tensor::from<float>({1, 0, 2, 0, 0, 3, 0, 0}, {2, 4}));
}

}  // namespace
}  // namespace gossamer::sparse::test_select
