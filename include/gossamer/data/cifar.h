// CIFAR-10 and CIFAR-100 in their binary form (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html): colour
// images of 32x32.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "gossamer/data/dataset.h"

#pragma GCC visibility push(default)
namespace gossamer::data {

struct Cifar10Options {
  // Holds data_batch_1.bin to data_batch_5.bin and test_batch.bin, plain or compressed by gzip (also as .bin.gz): the
  // folder cifar-10-batches-bin of the archive.
  std::filesystem::path folder;
  PixelScale scale = {};           // of all channels alike; for each of its own there is Normalize
  int64_t max_images = 1'000'000;  // of a file; one that holds more is refused
};

// Which of the two labels of an image.
enum class Cifar100Labels { Fine, Coarse };  // 100 classes, or their 20 groups

struct Cifar100Options {
  // Holds train.bin and test.bin, as above: the folder cifar-100-binary of the archive.
  std::filesystem::path folder;
  Cifar100Labels labels = Cifar100Labels::Fine;
  PixelScale scale = {};
  int64_t max_images = 1'000'000;
};

// 50000 images [3, 32, 32] (red, green, blue) for training and 10000 for testing.
struct Cifar {
  std::shared_ptr<const ImageDataset> train;
  std::shared_ptr<const ImageDataset> test;
};

// Throw FormatError, naming the file and the fault, when a file is corrupt, is empty or no whole number of images long,
// holds more than max_images, or has a label that is no class; FileError where one is missing or cannot be read;
// ConfigError for a bad scale.
Cifar load_cifar10(const Cifar10Options& options);
Cifar load_cifar100(const Cifar100Options& options);

}  // namespace gossamer::data
#pragma GCC visibility pop
