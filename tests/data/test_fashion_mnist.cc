// The loader of Fashion-MNIST: small synthetic files with one fault each, and the real files where they are installed.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/data/fashion_mnist.h"
#include "gossamer/error.h"
#include "tests/data/support.h"

namespace gossamer::data::test_fashion_mnist {
namespace {

constexpr uint32_t kTrain = 3;
constexpr uint32_t kTest = 2;

Bytes images(uint32_t count, uint32_t height = 28, uint32_t width = 28) {
  Bytes pixels(size_t{count} * height * width);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(i);
  return idx_bytes(0x08, {count, height, width}, pixels);
}

Bytes labels(const Bytes& values) { return idx_bytes(0x08, {static_cast<uint32_t>(values.size())}, values); }

// A folder with a sound, tiny data set, which a test then damages.
class FashionMnistFolder : public ::testing::Test {
 protected:
  FashionMnistFolder() {
    folder_.write("train-images-idx3-ubyte", images(kTrain));
    folder_.write("train-labels-idx1-ubyte.gz", gzip_bytes(labels({9, 0, 4})));
    folder_.write("t10k-images-idx3-ubyte.gz", gzip_bytes(images(kTest)));
    folder_.write("t10k-labels-idx1-ubyte", labels({2, 1}));
  }

  FashionMnist load() const { return load_fashion_mnist({.folder = folder_.path()}); }

  // Checks that loading is an E that says all of `parts`.
  template <class E = FormatError>
  void expect_fault(const std::vector<std::string>& parts) const {
    const std::string message = message_of<E>([this] { load(); });
    for (const std::string& part : parts) EXPECT_TRUE(contains(message, part)) << message << "\nlacks: " << part;
  }

  std::string path(const std::string& name) const { return quoted(folder_.path() / name); }

  TempFolder folder_;
};

TEST_F(FashionMnistFolder, IsReadWithAndWithoutGz) {
  const FashionMnist sets = load();
  EXPECT_EQ(sets.train->size(), kTrain);
  EXPECT_EQ(sets.test->size(), kTest);
  EXPECT_EQ(sets.train->image_shape(), Shape({1, 28, 28}));
  EXPECT_EQ(sets.train->classes(), 10);
  const Batch last = sets.train->gather(std::vector<int64_t>{2});
  EXPECT_EQ(last.x.shape(), Shape({1, 1, 28, 28}));
  EXPECT_EQ(last.y.item<int64_t>(), 4);
  EXPECT_EQ(last.x.data<float>()[5], static_cast<float>((2 * 784 + 5) % 256 / 255.0));
}

TEST_F(FashionMnistFolder, PassesTheScaleOnToBothSets) {
  const FashionMnist sets = load_fashion_mnist({.folder = folder_.path(), .scale = {.mean = 0.5, .std = 0.25}});
  for (const auto& set : {sets.train, sets.test}) {
    EXPECT_EQ(set->gather(std::vector<int64_t>{0}).x.data<float>()[0], -2.0F);
  }
}

TEST_F(FashionMnistFolder, NamesEachMissingFileAndTheRemedy) {
  for (const std::string name : {"train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}) {
    const auto aside = folder_.path() / "aside";
    std::filesystem::rename(folder_.path() / name, aside);
    expect_fault<FileError>({path(name), "missing", "dataset-fashion-mnist", ".folder"});
    std::filesystem::rename(aside, folder_.path() / name);
  }
}

TEST_F(FashionMnistFolder, NamesAFolderThatDoesNotExist) {
  const auto absent = folder_.path() / "absent";
  const std::string message = message_of<FileError>([&] { load_fashion_mnist({.folder = absent}); });
  EXPECT_TRUE(contains(message, absent.string() + "/train-images-idx3-ubyte")) << message;
  EXPECT_TRUE(contains(message, "dataset-fashion-mnist")) << message;
}

TEST_F(FashionMnistFolder, RejectsATruncatedFile) {
  Bytes cut = images(kTrain);
  cut.pop_back();
  folder_.write("train-images-idx3-ubyte", cut);
  expect_fault({path("train-images-idx3-ubyte"), "2352 bytes must follow", "has 2351"});
}

TEST_F(FashionMnistFolder, RejectsDifferentNumbersOfImagesAndLabels) {
  folder_.write("t10k-labels-idx1-ubyte", labels({2, 1, 0}));
  expect_fault({path("t10k-images-idx3-ubyte.gz") + " has 2 images", path("t10k-labels-idx1-ubyte") + " has 3 labels"});
}

TEST_F(FashionMnistFolder, RejectsLabelTen) {
  folder_.write("t10k-labels-idx1-ubyte", labels({2, 10}));
  expect_fault({path("t10k-labels-idx1-ubyte") + " has label 10 at 1", "below 10"});
}

TEST_F(FashionMnistFolder, RejectsImagesOfAnotherSize) {
  for (const auto& [height, width] : {std::pair{28U, 27U}, std::pair{32U, 28U}}) {
    folder_.write("train-images-idx3-ubyte", images(kTrain, height, width));
    expect_fault(
        {path("train-images-idx3-ubyte"), "[n, 28, 28]", std::to_string(height) + ", " + std::to_string(width)});
  }
}

TEST_F(FashionMnistFolder, RejectsLabelsAndImagesThatChangedPlaces) {
  folder_.write("t10k-labels-idx1-ubyte", images(kTest));
  expect_fault({path("t10k-labels-idx1-ubyte"), "labels must be bytes [n]"});
}

TEST_F(FashionMnistFolder, RefusesMoreImagesThanAllowedBeforeItReadsThem) {
  const auto load_at_most = [&](int64_t images) {
    return message_of<FormatError>([&] { load_fashion_mnist({.folder = folder_.path(), .max_images = images}); });
  };
  EXPECT_TRUE(contains(load_at_most(2), "at most 2 bytes; " + path("train-labels-idx1-ubyte.gz") + " declares 3"));
  folder_.write("train-images-idx3-ubyte", idx_bytes(0x08, {4, 28, 28}, {}));
  EXPECT_TRUE(contains(load_at_most(3), path("train-images-idx3-ubyte") + " declares 3136"));
}

TEST_F(FashionMnistFolder, RejectsElementsThatAreNoBytes) {
  folder_.write("train-images-idx3-ubyte", idx_bytes(0x0c, {0, 28, 28}, {}));
  expect_fault({path("train-images-idx3-ubyte"), "type 0c"});
}

TEST(FashionMnist, OfTheDebianPackageHasItsKnownCountsLabelsAndStatistics) {
  if (!std::filesystem::exists(FashionMnistOptions{}.folder)) GTEST_SKIP() << "dataset-fashion-mnist is not installed";
  const FashionMnist sets = load_fashion_mnist();
  ASSERT_EQ(sets.train->size(), 60000);
  ASSERT_EQ(sets.test->size(), 10000);
  const std::vector<int64_t> first = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  const auto first_labels = [&](const ImageDataset& set) {
    const Tensor y = set.gather(first).y;
    return std::vector<int64_t>(y.span<int64_t>().begin(), y.span<int64_t>().end());
  };
  EXPECT_EQ(first_labels(*sets.train), (std::vector<int64_t>{9, 0, 0, 3, 0, 2, 7, 2, 5, 5}));
  EXPECT_EQ(first_labels(*sets.test), (std::vector<int64_t>{9, 2, 1, 1, 6, 1, 4, 6, 5, 7}));

  double sum = 0;
  double sum_of_squares = 0;
  std::vector<int64_t> per_class(10);
  for (int64_t i = 0; i < sets.train->size(); ++i) {
    const Batch image = sets.train->gather({&i, 1});
    ++per_class[static_cast<size_t>(image.y.item<int64_t>())];
    for (const float pixel : image.x.span<float>()) {
      sum += pixel;
      sum_of_squares += double{pixel} * pixel;
    }
  }
  const double count = 60000.0 * 784;
  EXPECT_NEAR(sum / count, 0.2860, 5e-5);
  EXPECT_NEAR(std::sqrt(sum_of_squares / count - sum / count * (sum / count)), 0.3530, 5e-5);
  EXPECT_EQ(per_class, std::vector<int64_t>(10, 6000));
}

}  // namespace
}  // namespace gossamer::data::test_fashion_mnist
