// Transforms: what a DataLoader does to a batch after it is gathered, in its threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "gossamer/data/dataset.h"
#include "gossamer/random.h"

#pragma GCC visibility push(default)
namespace gossamer::data {

// What random choices depend on: the seed and the epoch (the key) and the sample. They are therefore the same for any
// batch size, number of threads and resumed run. A sample that a sampler gives twice in an epoch is treated alike.
struct TransformContext {
  std::span<const int64_t> indices = {};  // of the samples of the batch, in the data set
  uint64_t key = 0;

  // The stream (random_bits, random_double, ...) of the sample at place i of the batch.
  uint64_t sample_key(size_t i) const { return random_bits(key, static_cast<uint64_t>(indices[i])); }
};

// Changes a batch: one of those below, or anything that can be called like this. Must be safe to call from several
// threads at once. What it throws comes out of the loader as what a data set throws.
using Transform = std::function<void(Batch&, const TransformContext&)>;

// One after the other, each with streams of its own.
class Compose {
 public:
  // Throws ConfigError when one is empty.
  explicit Compose(std::vector<Transform> transforms);
  void operator()(Batch& batch, const TransformContext& context) const;

 private:
  std::vector<Transform> transforms_;
};

// The transforms of images take x as f32 [n, channels, height, width] (ShapeError, DTypeError). They change it in place
// where nothing else holds it.

struct NormalizeOptions {
  std::vector<double> mean;
  std::vector<double> std;
};
// x becomes (x - mean[channel]) / std[channel], in float. ShapeError for another number of channels.
class Normalize {
 public:
  // Throws ConfigError unless there are as many means as deviations, at least one, all finite, the deviations positive.
  explicit Normalize(const NormalizeOptions& options);
  void operator()(Batch& batch, const TransformContext& context) const;

 private:
  std::vector<float> mean_;
  std::vector<float> std_;
};

struct RandomHorizontalFlipOptions {
  double p = 0.5;  // probability that an image is flipped, in [0, 1]
};
// Swaps left and right.
class RandomHorizontalFlip {
 public:
  // Throws ConfigError when p is outside [0, 1].
  explicit RandomHorizontalFlip(const RandomHorizontalFlipOptions& options = {});
  void operator()(Batch& batch, const TransformContext& context) const;

 private:
  RandomHorizontalFlipOptions options_;
};

struct RandomCropOptions {
  int64_t height = 0;  // of the result
  int64_t width = 0;
  int64_t padding = 0;  // rows and columns put on each side first
  double fill = 0;      // their value
};
// A part of each image, all places equally likely: [n, channels, height, width]. ShapeError where the padded image is
// smaller.
class RandomCrop {
 public:
  // Throws ConfigError unless height and width are positive, padding is not negative (and below 2^31) and fill is
  // finite.
  explicit RandomCrop(const RandomCropOptions& options);
  void operator()(Batch& batch, const TransformContext& context) const;

 private:
  RandomCropOptions options_;
};

struct CenterCropOptions {
  int64_t height = 0;  // of the result
  int64_t width = 0;
};
// The middle of each image; of an odd difference the smaller half is cut off above and on the left. ShapeError where
// the image is smaller.
class CenterCrop {
 public:
  // Throws ConfigError unless height and width are positive.
  explicit CenterCrop(const CenterCropOptions& options);
  void operator()(Batch& batch, const TransformContext& context) const;

 private:
  CenterCropOptions options_;
};

}  // namespace gossamer::data
#pragma GCC visibility pop
