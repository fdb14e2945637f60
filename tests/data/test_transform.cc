// Transforms of images against a plain reference, and what their random choices depend on.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "gossamer/data/loader.h"
#include "gossamer/data/transform.h"
#include "gossamer/error.h"
#include "tests/data/support.h"

namespace gossamer::data::test_transform {
namespace {

constexpr int64_t kSamples = 40;
constexpr int64_t kChannels = 3;
constexpr int64_t kHeight = 5;
constexpr int64_t kWidth = 4;

// Image i, at (channel, row, column): a number that tells all four, -1 outside of the image.
float pixel(int64_t i, int64_t c, int64_t r, int64_t q) {
  if (r < 0 || r >= kHeight || q < 0 || q >= kWidth) return -1;
  return static_cast<float>(((i * kChannels + c) * kHeight + r) * kWidth + q);
}

Tensor images() {
  std::vector<float> x(kSamples * kChannels * kHeight * kWidth);
  std::iota(x.begin(), x.end(), 0.0F);
  return Tensor::from(x, {kSamples, kChannels, kHeight, kWidth});
}

std::vector<int64_t> ascending() {
  std::vector<int64_t> indices(kSamples);
  std::iota(indices.begin(), indices.end(), int64_t{0});
  return indices;
}

Batch transformed(const Transform& transform, uint64_t key, const std::vector<int64_t>& indices = ascending()) {
  Batch batch{.x = images(), .y = Tensor::zeros({kSamples})};
  transform(batch, {.indices = indices, .key = key});
  return batch;
}

std::vector<float> values(const Tensor& t) { return {t.span<float>().begin(), t.span<float>().end()}; }

// What an image of [channels, height, width] would be if its pixels were `expected(channel, row, column)`.
std::vector<float> image(int64_t height, int64_t width,
                         const std::function<float(int64_t, int64_t, int64_t)>& expected) {
  std::vector<float> x;
  for (int64_t c = 0; c < kChannels; ++c) {
    for (int64_t r = 0; r < height; ++r) {
      for (int64_t q = 0; q < width; ++q) x.push_back(expected(c, r, q));
    }
  }
  return x;
}

// What a crop whose first pixel is at (top, left) of image i should be.
std::vector<float> cut(int64_t i, int64_t height, int64_t width, int64_t top, int64_t left) {
  return image(height, width, [&](int64_t c, int64_t r, int64_t q) { return pixel(i, c, r + top, q + left); });
}

std::vector<float> image_of(const Tensor& x, int64_t i) {
  const int64_t size = x.numel() / x.dim(0);
  return {x.data<float>() + i * size, x.data<float>() + (i + 1) * size};
}

TEST(Normalize, SubtractsTheMeanOfTheChannelAndDividesByItsDeviation) {
  const Batch batch = transformed(Normalize({.mean = {1, -2, 0.5}, .std = {2, 0.25, 3}}), 1);
  const float mean[] = {1, -2, 0.5};
  const float std[] = {2, 0.25, 3};
  for (int64_t i = 0; i < kSamples; ++i) {
    EXPECT_EQ(image_of(batch.x, i), image(kHeight, kWidth, [&](int64_t c, int64_t r, int64_t q) {
                return (pixel(i, c, r, q) - mean[c]) / std[c];
              }));
  }
}

TEST(RandomHorizontalFlip, SwapsLeftAndRightOfAShareOfTheImages) {
  const auto count = [](double p) {
    const Batch batch = transformed(RandomHorizontalFlip({.p = p}), 6);
    int64_t flipped = 0;
    for (int64_t i = 0; i < kSamples; ++i) {
      const auto plain = image(kHeight, kWidth, [&](int64_t c, int64_t r, int64_t q) { return pixel(i, c, r, q); });
      const auto mirrored =
          image(kHeight, kWidth, [&](int64_t c, int64_t r, int64_t q) { return pixel(i, c, r, kWidth - 1 - q); });
      const std::vector<float> is = image_of(batch.x, i);
      EXPECT_TRUE(is == plain || is == mirrored);
      flipped += is == mirrored ? 1 : 0;
    }
    return flipped;
  };
  EXPECT_EQ(count(0), 0);
  EXPECT_EQ(count(1), kSamples);
  EXPECT_GE(count(0.5), 5);  // of 40: six standard deviations from 20 would be 1
  EXPECT_LE(count(0.5), 35);
}

TEST(RandomCrop, CutsOutAnyPlaceOfThePaddedImageEquallyOften) {
  struct Case {
    int64_t height, width, padding, places;
  };
  // Of the image's size, smaller without padding, in one direction only, the padded image as a whole.
  for (const Case& c : {Case{5, 4, 2, 25}, Case{3, 2, 0, 9}, Case{5, 2, 0, 3}, Case{7, 6, 1, 1}}) {
    const RandomCrop crop({.height = c.height, .width = c.width, .padding = c.padding, .fill = -1});
    std::map<std::pair<int64_t, int64_t>, int64_t> found;
    constexpr int64_t kEpochs = 20;
    for (uint64_t key = 0; key < kEpochs; ++key) {
      const Tensor x = transformed(crop, key).x;
      ASSERT_EQ(x.shape(), Shape({kSamples, kChannels, c.height, c.width}));
      for (int64_t i = 0; i < kSamples; ++i) {
        const std::vector<float> is = image_of(x, i);
        for (int64_t top = -c.padding; top <= kHeight + c.padding - c.height; ++top) {
          for (int64_t left = -c.padding; left <= kWidth + c.padding - c.width; ++left) {
            if (is == cut(i, c.height, c.width, top, left)) ++found[{top, left}];
          }
        }
      }
    }
    EXPECT_EQ(static_cast<int64_t>(found.size()), c.places);
    const double n = kEpochs * kSamples;
    const double p = 1 / static_cast<double>(c.places);
    for (const auto& [place, count] : found) {
      EXPECT_NEAR(static_cast<double>(count), n * p, 6 * std::sqrt(n * p * (1 - p)));
    }
  }
}

TEST(RandomCrop, MayLieInThePaddingAlone) {
  const Tensor x = transformed(RandomCrop({.height = 2, .width = 3, .padding = 6, .fill = -1}), 4).x;
  int64_t empty = 0;
  for (int64_t i = 0; i < kSamples; ++i) {
    const std::vector<float> is = image_of(x, i);
    bool found = false;
    for (int64_t top = -6; top <= 9; ++top) {
      for (int64_t left = -6; left <= 7; ++left) found = found || is == cut(i, 2, 3, top, left);
    }
    EXPECT_TRUE(found);
    empty += std::ranges::count(is, -1.0F) == static_cast<int64_t>(is.size()) ? 1 : 0;
  }
  EXPECT_GT(empty, 0);
  EXPECT_LT(empty, kSamples);
}

TEST(CenterCrop, CutsOutTheMiddle) {
  const Batch batch = transformed(CenterCrop({.height = 2, .width = 2}), 1);
  for (int64_t i = 0; i < kSamples; ++i) {
    EXPECT_EQ(image_of(batch.x, i), cut(i, 2, 2, 1, 1));
  }
  EXPECT_EQ(values(transformed(CenterCrop({.height = kHeight, .width = kWidth}), 1).x), values(images()));
}

TEST(Compose, GivesEachTransformAStreamOfItsOwn) {
  // Two flips with one stream would undo each other.
  const RandomHorizontalFlip flip;
  const Transform twice = Compose({flip, flip});
  EXPECT_NE(values(transformed(twice, 3).x), values(images()));
  const Transform both =
      Compose({Normalize({.mean = {0, 0, 0}, .std = {2, 2, 2}}), CenterCrop({.height = 1, .width = 1})});
  const Batch batch = transformed(both, 3);
  for (int64_t i = 0; i < kSamples; ++i) EXPECT_EQ(image_of(batch.x, i)[0], pixel(i, 0, 2, 1) / 2);
  EXPECT_EQ(values(transformed(Compose({}), 3).x), values(images()));
}

TEST(Transforms, ChooseBySeedEpochAndSampleWhateverTheBatchAndTheWorkers) {
  // Sample i is recognized by y; what has become of it must be the same in any arrangement.
  const auto dataset = std::make_shared<TensorDataset>(images(), Tensor::from(ascending(), {kSamples}));
  const Transform augment = Compose({RandomCrop({.height = 5, .width = 4, .padding = 2}), RandomHorizontalFlip()});
  const auto epoch_of = [&](DataLoaderOptions options, int64_t epoch) {
    options.transform = augment;
    DataLoader loader(dataset, options);
    loader.set_epoch(epoch);
    std::map<int64_t, std::vector<float>> samples;
    for (const Batch& batch : loader) {
      for (int64_t i = 0; i < batch.x.dim(0); ++i) samples[batch.y.data<int64_t>()[i]] = image_of(batch.x, i);
    }
    return samples;
  };
  const auto expected = epoch_of({.batch_size = 8, .seed = 5, .prefetch = 0}, 1);
  EXPECT_EQ(expected.size(), static_cast<size_t>(kSamples));
  EXPECT_EQ(epoch_of({.batch_size = 7, .shuffle = false, .seed = 5, .workers = 3}, 1), expected);
  EXPECT_EQ(epoch_of({.batch_size = 1, .seed = 5, .workers = 2}, 1), expected);
  EXPECT_NE(epoch_of({.batch_size = 8, .seed = 5}, 2), expected);
  EXPECT_NE(epoch_of({.batch_size = 8, .seed = 6}, 1), expected);
}

TEST(Transforms, LeaveTensorsThatOthersHoldAsTheyAre) {
  const Tensor shared = images();
  for (const Transform& transform :
       {Transform(Normalize({.mean = {1, 1, 1}, .std = {2, 2, 2}})), Transform(RandomHorizontalFlip({.p = 1})),
        Transform(CenterCrop({.height = 1, .width = 1}))}) {
    Batch batch{.x = shared, .y = Tensor()};
    transform(batch, {.indices = ascending(), .key = 1});
    EXPECT_EQ(values(shared), values(images()));
    EXPECT_NE(values(batch.x), values(images()));
  }
}

TEST(Transforms, RefuseSettingsAndBatchesThatCannotBe) {
  const double nan = std::nan("");
  EXPECT_THROW(Normalize({.mean = {}, .std = {}}), ConfigError);
  EXPECT_THROW(Normalize({.mean = {0, 0}, .std = {1}}), ConfigError);
  EXPECT_THROW(Normalize({.mean = {nan}, .std = {1}}), ConfigError);
  for (const double std : {0.0, -1.0, 1e-60, 1e60, nan})
    EXPECT_THROW(Normalize({.mean = {0}, .std = {std}}), ConfigError);
  for (const double p : {-0.1, 1.1, nan}) EXPECT_THROW(RandomHorizontalFlip({.p = p}), ConfigError);
  EXPECT_THROW(RandomCrop({.height = 0, .width = 1}), ConfigError);
  EXPECT_THROW(RandomCrop({.height = 1, .width = 1, .padding = -1}), ConfigError);
  EXPECT_THROW(RandomCrop({.height = 1, .width = 1, .fill = nan}), ConfigError);
  EXPECT_THROW(CenterCrop({.height = 1}), ConfigError);
  EXPECT_THROW(Compose({RandomHorizontalFlip(), Transform()}), ConfigError);

  const Transform normalize = Normalize({.mean = {0}, .std = {1}});
  const Transform flip = RandomHorizontalFlip();
  const Transform crop = RandomCrop({.height = 8, .width = 4, .padding = 1});
  const Transform center = CenterCrop({.height = 6, .width = 4});
  for (const Transform& transform : {normalize, flip, crop, center}) {
    const std::vector<int64_t> two = {0, 1};
    for (const Tensor& x : {Tensor(), Tensor::zeros({2, 4, 4}), Tensor::zeros({3, 1, 8, 8})}) {
      Batch batch{.x = x, .y = Tensor()};
      EXPECT_THROW(transform(batch, {.indices = two, .key = 1}), ShapeError);
    }
    Batch batch{.x = Tensor::zeros({2, 1, 8, 8}, DType::f64), .y = Tensor()};
    EXPECT_THROW(transform(batch, {.indices = two, .key = 1}), DTypeError);
  }
  for (const Transform& transform : {normalize, crop, center}) EXPECT_THROW(transformed(transform, 1), ShapeError);
}

}  // namespace
}  // namespace gossamer::data::test_transform
