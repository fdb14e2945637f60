// Fashion-MNIST (Xiao, Rasul and Vollgraf 2017, https://arxiv.org/abs/1708.07747): 28x28 grey images of ten kinds of
// clothes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "gossamer/data/dataset.h"

#pragma GCC visibility push(default)
namespace gossamer::data {

struct FashionMnistOptions {
  // Holds {train,t10k}-{images-idx3,labels-idx1}-ubyte, plain or with .gz; the default is where Debian's package
  // dataset-fashion-mnist puts them. MNIST itself, in the same form, can be read too.
  std::filesystem::path folder = "/usr/share/datasets/fashion-mnist";
  // The usual choice of those who standardize is {.mean = 0.2860, .std = 0.3530}, measured on the training images.
  PixelScale scale = {};
  int64_t max_images = 1'000'000;  // of a file; one that declares more is refused before memory is taken
};

// 60000 images [1, 28, 28] for training and 10000 for testing, 10 classes.
struct FashionMnist {
  std::shared_ptr<const ImageDataset> train;
  std::shared_ptr<const ImageDataset> test;
};

// Throws FormatError, naming the file and the fault, when a file is not sound IDX, does not hold 28x28 images or labels
// below 10, or when the numbers of images and labels differ; FileError where one is missing or cannot be read;
// ConfigError for a bad scale.
FashionMnist load_fashion_mnist(const FashionMnistOptions& options = {});

}  // namespace gossamer::data
#pragma GCC visibility pop
