// Shapes: sizes, limits and broadcasting.
#include <gtest/gtest.h>

#include <climits>
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/shape.h"
#include "tests/support/errors.h"

namespace gossamer::test_shape {
namespace {

constexpr int64_t kHuge = int64_t{1} << 40;

TEST(Shape, OfRankZeroIsAScalarWithOneElement) {
  EXPECT_EQ(Shape().rank(), 0);
  EXPECT_EQ(Shape().numel(), 1);
  EXPECT_EQ(Shape().to_string(), "[]");
  EXPECT_EQ(Shape(), Shape({}));
}

TEST(Shape, KnowsItsSizes) {
  const Shape shape({2, 3, 5});
  EXPECT_EQ(shape.rank(), 3);
  EXPECT_EQ(shape.numel(), 30);
  EXPECT_EQ(shape[1], 3);
  EXPECT_EQ(shape.back(), 5);
  EXPECT_EQ(std::vector<int64_t>(shape.begin(), shape.end()), (std::vector<int64_t>{2, 3, 5}));
  EXPECT_EQ(shape.to_string(), "[2, 3, 5]");
}

TEST(Shape, CountsFromTheEndForNegativeDimensions) {
  const Shape shape({2, 3, 5});
  EXPECT_EQ(shape[-1], 5);
  EXPECT_EQ(shape[-3], 2);
}

TEST(Shape, RefusesDimensionsThatItHasNot) {
  const Shape shape({2, 3});
  EXPECT_EQ(message_of<ShapeError>([&] { shape[2]; }), "Shape: a dimension of [2, 3] must be within [-2, 2); 2");
  message_of<ShapeError>([&] { shape[-3]; });
  message_of<ShapeError>([&] { shape[INT_MIN]; });
  message_of<ShapeError>([] { Shape()[0]; });
  message_of<ShapeError>([] { Shape().back(); });
}

TEST(Shape, IsWrittenAsText) {
  std::ostringstream out;
  out << Shape({2, 3}) << Shape();
  EXPECT_EQ(out.str(), "[2, 3][]");
}

TEST(Shape, EqualityIsOfRankAndSizes) {
  EXPECT_EQ(Shape({2, 3}), Shape({2, 3}));
  EXPECT_NE(Shape({2, 3}), Shape({3, 2}));
  EXPECT_NE(Shape({2, 3}), Shape({2, 3, 1}));
  EXPECT_NE(Shape({0}), Shape({0, 1}));
}

TEST(Shape, RefusesNegativeSizes) {
  EXPECT_NE(message_of<ShapeError>([] { Shape({2, -1}); }).find("[2, -1]"), std::string::npos);
}

TEST(Shape, RefusesMoreThanEightDimensions) {
  EXPECT_EQ(Shape({1, 1, 1, 1, 1, 1, 1, 2}).numel(), 2);
  EXPECT_NE(message_of<ShapeError>([] { Shape({1, 1, 1, 1, 1, 1, 1, 1, 1}); }).find("rank 9"), std::string::npos);
}

TEST(Shape, RefusesMoreElementsThanFit) {
  EXPECT_EQ(Shape({INT64_MAX}).numel(), INT64_MAX);
  message_of<ShapeError>([] { Shape({kHuge, kHuge}); });
  // The product of the sizes wraps around to 0.
  message_of<ShapeError>([] { Shape({int64_t{1} << 32, int64_t{1} << 32}); });
}

TEST(Shape, IsEmptyWithAZeroWhateverTheOtherSizes) {
  EXPECT_EQ(Shape({kHuge, 0, kHuge}).numel(), 0);
  message_of<ShapeError>([] { Shape({0, -1}); });
}

TEST(Broadcast, AlignsAtTheLastDimensionAndStretchesOnes) {
  EXPECT_EQ(broadcast_shapes({2, 3}, {2, 3}, "op"), Shape({2, 3}));
  EXPECT_EQ(broadcast_shapes({2, 3}, {3}, "op"), Shape({2, 3}));
  EXPECT_EQ(broadcast_shapes({3, 1}, {1, 4}, "op"), Shape({3, 4}));
  EXPECT_EQ(broadcast_shapes({}, {2, 3}, "op"), Shape({2, 3}));
  EXPECT_EQ(broadcast_shapes({5, 1, 3}, {4, 1}, "op"), Shape({5, 4, 3}));
  EXPECT_EQ(broadcast_shapes({0, 3}, {1, 3}, "op"), Shape({0, 3}));
  EXPECT_EQ(broadcast_shapes({1}, {0}, "op"), Shape({0}));
}

TEST(Broadcast, RefusesOtherSizesAndNamesTheOperation) {
  const std::string message = message_of<ShapeError>([] { broadcast_shapes({2, 3}, {2}, "blend"); });
  EXPECT_EQ(message.find("blend: "), 0) << message;
  EXPECT_NE(message.find("[2, 3] and [2]"), std::string::npos) << message;
  message_of<ShapeError>([] { broadcast_shapes({0, 3}, {2, 3}, "op"); });
  message_of<ShapeError>([] { broadcast_shapes({kHuge, 1}, {kHuge}, "op"); });
}

}  // namespace
}  // namespace gossamer::test_shape
