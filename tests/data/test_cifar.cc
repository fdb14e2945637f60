// CIFAR-10 and CIFAR-100 from files written here: what is read, and what is refused.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "gossamer/data/cifar.h"
#include "gossamer/error.h"
#include "tests/data/support.h"

namespace gossamer::data::test_cifar {
namespace {

constexpr int64_t kPixels = 3 * 32 * 32;

// Images whose pixels and labels follow from their number.
uint8_t pixel(int64_t image, int64_t k) { return static_cast<uint8_t>((image * 31 + k * 7) % 256); }

Bytes records(int64_t first, int64_t count, const std::vector<int64_t>& classes) {
  Bytes bytes;
  for (int64_t i = first; i < first + count; ++i) {
    for (const int64_t c : classes) bytes.push_back(static_cast<uint8_t>(i % c));
    for (int64_t k = 0; k < kPixels; ++k) bytes.push_back(pixel(i, k));
  }
  return bytes;
}

std::string batch_name(int64_t i) { return "data_batch_" + std::to_string(i) + ".bin"; }

// Three images in each file of CIFAR-10.
void write_cifar10(const TempFolder& folder) {
  for (int64_t i = 1; i <= 5; ++i) {
    const Bytes bytes = records(3 * (i - 1), 3, {10});
    folder.write(i == 2 ? batch_name(i) + ".gz" : batch_name(i), i == 2 || i == 4 ? gzip_bytes(bytes) : bytes);
  }
  folder.write("test_batch.bin", records(100, 3, {10}));
}

void expect_images(const ImageDataset& dataset, int64_t first, int64_t count, int64_t classes) {
  EXPECT_EQ(dataset.image_shape(), Shape({3, 32, 32}));
  EXPECT_EQ(dataset.classes(), classes);
  ASSERT_EQ(dataset.size(), count);
  for (int64_t i = 0; i < count; ++i) {
    const Batch batch = dataset.gather(std::vector<int64_t>{i});
    EXPECT_EQ(batch.y.item<int64_t>(), (first + i) % classes);
    for (int64_t k = 0; k < kPixels; k += 97) {
      EXPECT_EQ(batch.x.data<float>()[k], static_cast<float>(pixel(first + i, k) / 255.0));
    }
  }
}

TEST(Cifar10, IsReadFromSixFilesPlainOrCompressed) {
  const TempFolder folder;
  write_cifar10(folder);
  const Cifar cifar = load_cifar10({.folder = folder.path()});
  expect_images(*cifar.train, 0, 15, 10);
  expect_images(*cifar.test, 100, 3, 10);
}

TEST(Cifar100, HasFineAndCoarseLabels) {
  const TempFolder folder;
  folder.write("train.bin", records(0, 120, {20, 100}));
  folder.write("test.bin.gz", gzip_bytes(records(50, 2, {20, 100})));
  expect_images(*load_cifar100({.folder = folder.path()}).train, 0, 120, 100);
  const Cifar coarse = load_cifar100({.folder = folder.path(), .labels = Cifar100Labels::Coarse});
  expect_images(*coarse.train, 0, 120, 20);
  expect_images(*coarse.test, 50, 2, 20);
}

TEST(Cifar, RefusesFilesThatAreNotSoundAndNamesThem) {
  Bytes bad_label = records(0, 3, {10});
  bad_label[3073] = 10;
  Bytes cut_gzip = gzip_bytes(records(0, 3, {10}));
  cut_gzip.resize(cut_gzip.size() / 2);
  Bytes truncated = records(0, 3, {10});
  truncated.pop_back();
  struct Case {
    Bytes bytes;
    std::string fault;
  };
  for (const Case& c :
       {Case{{}, "has 0 bytes"}, Case{truncated, "images of 3073 bytes each, at least one; "},
        Case{truncated, "has 9218 bytes"}, Case{records(0, 3, {20, 100}), "has 9222 bytes"},
        Case{bad_label, "has label 10 at image 1"}, Case{cut_gzip, "truncated"},
        Case{Bytes(5 * 3073), "at most 4 images"}, Case{gzip_bytes(Bytes(64 << 20)), "at most 4 images"}}) {
    const TempFolder folder;
    write_cifar10(folder);
    const auto file = folder.write(batch_name(3), c.bytes);
    const std::string message =
        message_of<FormatError>([&] { load_cifar10({.folder = folder.path(), .max_images = 4}); });
    EXPECT_TRUE(contains(message, c.fault)) << message;
    EXPECT_TRUE(contains(message, quoted(file))) << message;
  }
  const TempFolder folder;
  write_cifar10(folder);
  std::filesystem::remove(folder.path() / "test_batch.bin");
  const std::string message = message_of<FileError>([&] { load_cifar10({.folder = folder.path()}); });
  EXPECT_TRUE(contains(message, quoted(folder.path() / "test_batch.bin") + " is missing")) << message;
  EXPECT_THROW(load_cifar10({.folder = folder.path(), .scale = {.std = 0}}), ConfigError);

  folder.write("train.bin", records(0, 3, {21, 100}));
  Bytes fine = records(0, 3, {20, 100});
  fine[1] = 100;
  folder.write("test.bin", fine);
  EXPECT_TRUE(
      contains(message_of<FormatError>([&] { load_cifar100({.folder = folder.path()}); }), "label 100 at image 0"));
}

}  // namespace
}  // namespace gossamer::data::test_cifar
