// TensorDataset and ImageDataset: what gather returns, and what they refuse.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/data/dataset.h"
#include "gossamer/error.h"
#include "tests/data/support.h"

namespace gossamer::data::test_dataset {
namespace {

template <class T>
std::vector<T> values(const Tensor& t) {
  return {t.span<T>().begin(), t.span<T>().end()};
}

std::vector<int64_t> dims(const Tensor& t) { return {t.shape().begin(), t.shape().end()}; }

LabeledImages two_images() {
  return {.pixels = {0, 51, 255, 128, 10, 20}, .labels = {1, 0}, .shape = {1, 1, 3}, .classes = 2};
}

TEST(TensorDataset, GathersRowsInTheOrderOfTheIndicesWithRepeats) {
  const TensorDataset dataset(Tensor::from<float>({0, 1, 10, 11, 20, 21}, {3, 1, 2}),
                              Tensor::from<int64_t>({5, 6, 7}, {3}));
  const Batch batch = dataset.gather(std::vector<int64_t>{2, 0, 2, 1});
  EXPECT_EQ(dims(batch.x), (std::vector<int64_t>{4, 1, 2}));
  EXPECT_EQ(values<float>(batch.x), (std::vector<float>{20, 21, 0, 1, 20, 21, 10, 11}));
  EXPECT_EQ(values<int64_t>(batch.y), (std::vector<int64_t>{7, 5, 7, 6}));
}

TEST(TensorDataset, KeepsElementTypes) {
  const TensorDataset dataset(Tensor::from<double>({0.1, 0.2}, {2, 1}), Tensor::from<int32_t>({3, 4}, {2}));
  const Batch batch = dataset.gather(std::vector<int64_t>{1});
  EXPECT_EQ(values<double>(batch.x), std::vector<double>{0.2});
  EXPECT_EQ(values<int32_t>(batch.y), std::vector<int32_t>{4});
}

TEST(TensorDataset, GathersNothingFromNothing) {
  const TensorDataset dataset(Tensor::zeros({0, 4}), Tensor::zeros({0}, DType::i64));
  EXPECT_EQ(dataset.size(), 0);
  EXPECT_EQ(dims(dataset.gather({}).x), (std::vector<int64_t>{0, 4}));
}

TEST(TensorDataset, RefusesTensorsThatDoNotBelongTogether) {
  const Tensor x = Tensor::zeros({3, 2});
  const std::string message = message_of<ShapeError>([&] { TensorDataset(x, Tensor::zeros({2}, DType::i64)); });
  EXPECT_TRUE(contains(message, "x [3, 2], y [2]")) << message;
  EXPECT_THROW(TensorDataset(x, Tensor::zeros({3}), {{"mask", Tensor::zeros({4})}}), ShapeError);
  EXPECT_THROW(TensorDataset(x, Tensor::zeros({3}), {{"y", Tensor::zeros({3})}}), ConfigError);
  EXPECT_THROW(TensorDataset(x, Tensor()), ShapeError);
  EXPECT_THROW(TensorDataset(x, Tensor::zeros({})), ShapeError);
}

TEST(Datasets, RefuseAnIndexOutsideTheSamples) {
  const TensorDataset tensors(Tensor::zeros({3, 2}), Tensor::zeros({3}, DType::i64));
  const ImageDataset images(two_images());
  for (const int64_t index : {int64_t{-1}, int64_t{3}}) {
    EXPECT_THROW(tensors.gather(std::vector<int64_t>{0, index}), IndexError);
    EXPECT_THROW(images.gather(std::vector<int64_t>{0, index}), IndexError);
  }
}

TEST(ImageDataset, MapsPixelsToTheUnitIntervalByDefault) {
  const ImageDataset dataset(two_images());
  EXPECT_EQ(dataset.size(), 2);
  EXPECT_EQ(dataset.image_shape(), Shape({1, 1, 3}));
  EXPECT_EQ(dataset.classes(), 2);
  const Batch batch = dataset.gather(std::vector<int64_t>{1, 0});
  EXPECT_EQ(dims(batch.x), (std::vector<int64_t>{2, 1, 1, 3}));
  EXPECT_EQ(values<float>(batch.x), (std::vector<float>{128 / 255.0F, 10 / 255.0F, 20 / 255.0F, 0, 0.2F, 1}));
  EXPECT_EQ(values<int64_t>(batch.y), (std::vector<int64_t>{0, 1}));
}

TEST(ImageDataset, KeepsChannelsHeightAndWidth) {
  LabeledImages images{.pixels = Bytes(2 * 3 * 4 * 5), .labels = {0, 0}, .shape = {3, 4, 5}, .classes = 1};
  for (size_t i = 0; i < images.pixels.size(); ++i) images.pixels[i] = static_cast<uint8_t>(i);
  const Batch batch = ImageDataset(std::move(images)).gather(std::vector<int64_t>{1});
  EXPECT_EQ(dims(batch.x), (std::vector<int64_t>{1, 3, 4, 5}));
  EXPECT_EQ(batch.x.data<float>()[17], static_cast<float>((60 + 17) / 255.0));
}

TEST(Batch, GivesItsTensorsByName) {
  const TensorDataset dataset(Tensor::from<float>({1, 2}, {2}), Tensor::from<int64_t>({3, 4}, {2}),
                              {{"mask", Tensor::from<int32_t>({5, 6, 7, 8}, {2, 2})}, {"age", Tensor::zeros({2})}});
  const Batch batch = dataset.gather(std::vector<int64_t>{1, 0});
  EXPECT_EQ(values<int32_t>(batch["mask"]), (std::vector<int32_t>{7, 8, 5, 6}));
  EXPECT_TRUE(batch["x"].shares_storage_with(batch.x));
  EXPECT_TRUE(batch["y"].shares_storage_with(batch.y));
  EXPECT_EQ(batch.more.size(), 2U);
  const std::string message = message_of<ConfigError>([&] { (void)batch["masks"]; });
  EXPECT_TRUE(contains(message, "x, y, age, mask; 'masks'")) << message;
}

TEST(ImageDataset, StandardizesWithMeanAndStd) {
  const ImageDataset dataset(two_images(), {.mean = 0.2, .std = 0.5});
  const std::vector<float> x = values<float>(dataset.gather(std::vector<int64_t>{0}).x);
  EXPECT_FLOAT_EQ(x[0], -0.4F);
  EXPECT_NEAR(x[1], 0, 1e-7);
  EXPECT_FLOAT_EQ(x[2], 1.6F);
}

TEST(ImageDataset, RefusesCountsAndLabelsThatDoNotFit) {
  const auto build = [](auto&& change) {
    LabeledImages images = two_images();
    change(images);
    return ImageDataset(std::move(images));
  };
  EXPECT_THROW(build([](LabeledImages& i) { i.pixels.pop_back(); }), ShapeError);
  EXPECT_THROW(build([](LabeledImages& i) { i.labels.push_back(0); }), ShapeError);
  EXPECT_THROW(build([](LabeledImages& i) { i.shape = {1, 0, 3}; }), ShapeError);
  EXPECT_THROW(build([](LabeledImages& i) { i.shape = {1, 3}; }), ShapeError);
  EXPECT_THROW(build([](LabeledImages& i) { i.shape = {}; }), ShapeError);
  EXPECT_THROW(build([](LabeledImages& i) { i.labels[0] = 2; }), IndexError);
  EXPECT_THROW(build([](LabeledImages& i) { i.labels[0] = -1; }), IndexError);
}

TEST(ImageDataset, RefusesAScaleThatIsNone) {
  for (const double std : {0.0, -1.0, std::numeric_limits<double>::infinity(), std::nan("")}) {
    EXPECT_THROW(ImageDataset(two_images(), {.std = std}), ConfigError) << std;
  }
  EXPECT_THROW(ImageDataset(two_images(), {.mean = std::nan("")}), ConfigError);
}

}  // namespace
}  // namespace gossamer::data::test_dataset
