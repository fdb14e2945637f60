// Tile-major tensors: row-major elements on demand, views, writes, copies, concurrent first reads, and memory.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/runtime.h"
#include "tensor/arith.h"
#include "tensor/tiles.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/tensors.h"

namespace gossamer::test_tiles {
namespace {

using golden::expect_equal;

// The definition of the layout, element by element.
void expect_tiles_of(const ConstBatch<float>& tiles, const Tensor& x, int width) {
  const int64_t features = x.dim(-1);
  const int64_t n = x.numel() / features;
  ASSERT_EQ(tiles.width, width);
  ASSERT_EQ(tiles.n, n);
  ASSERT_EQ(tiles.features, features);
  ASSERT_EQ(reinterpret_cast<uintptr_t>(tiles.data) % 64, 0);
  const float* const rows = x.data<float>();
  for (int64_t sample = 0; sample < tiles.tiles(width) * width; ++sample) {
    for (int64_t f = 0; f < features; ++f) {
      const float expected = sample < n ? rows[sample * features + f] : 0.0F;
      ASSERT_EQ(tiles.data[(sample / width * features + f) * width + sample % width], expected) << sample << ", " << f;
    }
  }
}

TEST(Tiles, HoldEveryElementAndZerosPastTheBatch) {
  for (const int width : {8, 16, 32, 64}) {
    for (const int64_t n : {1, 16, 33, 64, 100}) {
      for (const int64_t features : {1, 7, 33, 300}) {
        SCOPED_TRACE(std::to_string(width) + ": " + std::to_string(n) + " x " + std::to_string(features));
        const Tensor x = uniform({n, features}, 1, DType::f32);
        const Tensor packed = TensorTiles::pack(x, width);
        expect_tiles_of(TensorTiles::get(packed), x, width);
        expect_equal(packed, x);
      }
    }
  }
}

TEST(Tiles, OfLargeBatchesAreTheSameForAnyNumberOfThreads) {
  const Tensor x = uniform({130, 5000}, 1, DType::f32);
  for (const int threads : {1, 3}) {
    with_threads(threads, [&] {
      const Tensor packed = TensorTiles::pack(x, 64);
      expect_tiles_of(TensorTiles::get(packed), x, 64);
      expect_equal(packed, x);
    });
  }
}

TEST(Tiles, BecomeRowsWhenTheseAreFirstRead) {
  const Tensor x = uniform({20, 6}, 1, DType::f32);
  const Tensor packed = TensorTiles::pack(x, 16);
  EXPECT_FALSE(TensorTiles::has_rows(packed));
  const uint64_t version = packed.version();
  const float* const first = packed.data<float>();
  EXPECT_EQ(packed.data<float>(), first);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % 64, 0);
  EXPECT_EQ(packed.version(), version);
  EXPECT_EQ(TensorTiles::width(packed), 16);
  message_of<DTypeError>([&] { packed.data<double>(); });
  expect_equal(packed.to(DType::f64), x.to(DType::f64));
  EXPECT_EQ(packed.bytes(), x.bytes());
}

TEST(Tiles, AreSeenByViewsOfTheWholeWithTheSameFeatures) {
  const Tensor x = uniform({24, 6}, 1, DType::f32);
  const Tensor packed = TensorTiles::pack(x, 8);
  EXPECT_EQ(TensorTiles::get(packed.alias({4, 6, 6})).data, TensorTiles::get(packed).data);
  EXPECT_EQ(TensorTiles::get(packed.alias({2, 3, 4, 6}).alias({24, 6})).data, TensorTiles::get(packed).data);
  EXPECT_TRUE(TensorTiles::pack(packed.alias({4, 6, 6}), 8).shares_storage_with(packed));
}

TEST(Tiles, OtherViewsReadRows) {
  const Tensor x = uniform({24, 6}, 1, DType::f32);
  const std::vector<Shape> shapes{{12, 12}, {144}, {6, 24}, {23, 6}, {24, 3}, {6}, {}};
  for (const Shape& shape : shapes) {
    const Tensor view = TensorTiles::pack(x, 8).alias(shape);
    EXPECT_EQ(TensorTiles::width(view), 0) << shape.to_string();
    expect_equal(view, x.alias(shape));
  }
  const Tensor last = TensorTiles::pack(x, 8).alias({8, 6}, 96);
  EXPECT_EQ(TensorTiles::width(last), 0);
  expect_equal(last, x.alias({8, 6}, 96));
  expect_equal(TensorTiles::pack(last, 16), last);
}

TEST(Tiles, GoWhenRowsAreOpenedForWriting) {
  const Tensor x = uniform({20, 6}, 1, DType::f32);
  Tensor packed = TensorTiles::pack(x, 16);
  const Tensor view = packed.alias({10, 6}, 60);
  const float* const rows = packed.data<float>();
  const uint64_t version = packed.version();
  Tensor part = view;
  part.mutable_data<float>()[0] = 5;
  EXPECT_GT(packed.version(), version);
  EXPECT_EQ(TensorTiles::width(packed), 0);
  EXPECT_EQ(packed.data<float>(), rows);
  Tensor expected = x.clone();
  expected.mutable_data<float>()[60] = 5;
  expect_equal(packed, expected);
  packed.fill(2);
  expect_equal(packed, Tensor::full({20, 6}, 2));
}

TEST(Tiles, StayWhenTheWrongTypeIsAskedFor) {
  Tensor packed = TensorTiles::pack(uniform({20, 6}, 1, DType::f32), 16);
  const uint64_t version = packed.version();
  message_of<DTypeError>([&] { packed.mutable_data<double>(); });
  EXPECT_EQ(TensorTiles::width(packed), 16);
  EXPECT_EQ(packed.version(), version);
}

TEST(Tiles, OpenedForWritingReplaceTheRows) {
  Tensor packed = TensorTiles::pack(uniform({20, 6}, 1, DType::f32), 16);
  packed.data<float>();
  const uint64_t version = packed.version();
  const Batch<float> tiles = TensorTiles::open(packed);
  EXPECT_FALSE(TensorTiles::has_rows(packed));
  EXPECT_GT(packed.version(), version);
  tiles.data[16] = 9;  // sample 0, feature 1
  EXPECT_EQ(packed.data<float>()[1], 9);
}

TEST(Tiles, NeverComeToATensorThatWasBornRowMajor) {
  Tensor x = uniform({20, 6}, 1, DType::f32);
  float* const kept = x.mutable_data<float>();
  const Tensor packed = TensorTiles::pack(x, 16);
  EXPECT_EQ(TensorTiles::width(x), 0);
  EXPECT_FALSE(packed.shares_storage_with(x));
  // An application may keep the pointer and fill the next batch through it.
  kept[7] = 42;
  expect_equal(TensorTiles::pack(x, 16), x);
  EXPECT_EQ(TensorTiles::pack(x, 16).data<float>()[7], 42);
}

TEST(Tiles, OfAnotherWidthAreMadeAnew) {
  const Tensor x = uniform({40, 6}, 1, DType::f32);
  const Tensor narrow = TensorTiles::pack(x, 8);
  const Tensor wide = TensorTiles::pack(narrow, 32);
  EXPECT_EQ(TensorTiles::width(narrow), 8);
  expect_tiles_of(TensorTiles::get(wide), x, 32);
}

TEST(Tiles, AreKeptByCloneAndWrittenThroughCopyFrom) {
  const Tensor x = uniform({20, 6}, 1, DType::f32);
  const Tensor packed = TensorTiles::pack(x, 16);
  Tensor copy = packed.clone();
  expect_tiles_of(TensorTiles::get(copy), x, 16);
  EXPECT_FALSE(TensorTiles::has_rows(packed));
  EXPECT_TRUE(copy.owns_storage_alone());
  const Tensor other = uniform({20, 6}, 2, DType::f32);
  copy.copy_from(other);
  expect_equal(copy, other);
  expect_equal(packed, x);
  copy.copy_from(packed);
  expect_equal(copy, x);
  expect_equal(packed.alias({10, 6}, 60).clone(), x.alias({10, 6}, 60));
}

TEST(Tiles, AreUnpackedOnceByThreadsThatReadAtTheSameTime) {
  const Tensor x = uniform({100, 200}, 1, DType::f32);
  for (int round = 0; round < 50; ++round) {
    const Tensor packed = TensorTiles::pack(x, 32);
    std::array<const float*, 4> seen{};
    std::array<float, 4> sums{};
    std::vector<std::thread> threads;
    for (size_t i = 0; i < seen.size(); ++i) {
      threads.emplace_back([&, i] {
        const Tensor view = i % 2 == 0 ? packed : packed.alias({20000});
        seen[i] = view.data<float>();
        for (int64_t k = 0; k < view.numel(); ++k) sums[i] += seen[i][k];
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (size_t i = 1; i < seen.size(); ++i) {
      EXPECT_EQ(seen[i], seen[0]);
      EXPECT_EQ(sums[i], sums[0]);
    }
    expect_equal(packed, x);
  }
}

TEST(Tiles, MayBeReplacedByThreadsThatWriteDifferentElements) {
  const Tensor x = uniform({100, 200}, 1, DType::f32);
  for (int round = 0; round < 50; ++round) {
    const Tensor packed = TensorTiles::pack(x, 32);
    std::vector<std::thread> threads;
    for (int64_t part = 0; part < 4; ++part) {
      threads.emplace_back([&, part] {
        Tensor rows = packed.alias({25, 200}, part * 5000);
        rows.mutable_data<float>()[0] = static_cast<float>(part);
      });
    }
    for (std::thread& thread : threads) thread.join();
    Tensor expected = x.clone();
    for (int64_t part = 0; part < 4; ++part) expected.mutable_data<float>()[part * 5000] = static_cast<float>(part);
    expect_equal(packed, expected);
  }
}

TEST(Tiles, RefuseMoreBytesThanFit) {
  EXPECT_NE(message_of<ShapeError>([] {
              TensorTiles::empty({INT64_MAX / 16, 8}, 8);
            }).find("bytes"),
            std::string::npos);
}

TEST(AddInto, KeepsTilesOfOneWidth) {
  const Tensor a = uniform({50, 30}, 1, DType::f32);
  const Tensor b = uniform({50, 30}, 2, DType::f32);
  Tensor expected = a.clone();
  add_into(expected, b);
  for (const int width : {16, 32}) {
    Tensor sum = TensorTiles::pack(a, 32);
    add_into(sum, TensorTiles::pack(b, width));
    EXPECT_EQ(TensorTiles::width(sum), width == 32 ? 32 : 0);
    expect_equal(sum, expected);
  }
  Tensor rows = a.clone();
  add_into(rows, TensorTiles::pack(b, 32));
  expect_equal(rows, expected);
  Tensor sum = TensorTiles::pack(a, 32);
  add_into(sum, b);
  expect_equal(sum, expected);
}

TEST(AddInto, WritesToRowsThatSomebodyHasSeen) {
  Tensor sum = TensorTiles::pack(uniform({50, 30}, 1, DType::f32), 32);
  const float* const seen = sum.data<float>();
  add_into(sum, TensorTiles::pack(uniform({50, 30}, 2, DType::f32), 32));
  EXPECT_EQ(sum.data<float>(), seen);
}

}  // namespace
}  // namespace gossamer::test_tiles
