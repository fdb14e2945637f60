// Datasets: samples by index, gathered into batches.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer::data {

// A model's input, its target, and what else it takes: the first dimension of each counts the samples.
struct Batch {
  Tensor x;
  Tensor y;
  std::map<std::string, Tensor> more = {};  // further inputs by name, such as a "mask"

  // The tensor called "x", "y" or by a name in `more`. Throws ConfigError that lists the names.
  const Tensor& operator[](std::string_view name) const;
};

// What a DataLoader reads. Derive from it for samples that do not fit memory or are made on the fly.
class Dataset {
 public:
  virtual ~Dataset() = default;

  // Number of samples.
  virtual int64_t size() const = 0;
  // The samples at `indices`, in their order; an index may come twice. Must be safe to call from several threads at
  // once and must not depend on earlier calls. Throws IndexError when an index is outside [0, size()).
  virtual Batch gather(std::span<const int64_t> indices) const = 0;

 protected:
  Dataset() = default;
  Dataset(const Dataset&) = default;
  Dataset& operator=(const Dataset&) = default;
};

// Tensors of any element type: x [n, ...], y [n, ...], and further inputs [n, ...] by name. It shares their storage: do
// not write to them while a loader runs.
class TensorDataset final : public Dataset {
 public:
  // Throws ShapeError when a tensor is undefined or a scalar, or the first dimensions differ; ConfigError when one of
  // the further names is "x" or "y".
  TensorDataset(Tensor x, Tensor y, std::map<std::string, Tensor> more = {});
  // Copies values in memory: y [n] and x [n, x.size() / n], row-major. Throws ShapeError when n does not divide
  // x.size().
  template <Element X, Element Y>
  TensorDataset(const std::vector<X>& x, const std::vector<Y>& y)
      : TensorDataset(Tensor::from(x, rows_of(x.size(), y.size())), Tensor::from(y, {std::ssize(y)})) {}

  int64_t size() const override;
  Batch gather(std::span<const int64_t> indices) const override;

 private:
  static Shape rows_of(size_t values, size_t rows);

  Batch all_;
};

// Images with class labels, as read from a file.
struct LabeledImages {
  std::vector<uint8_t> pixels;  // [n, channels, height, width], row-major
  std::vector<int64_t> labels;  // [n], each in [0, classes)
  Shape shape;                  // of one image: [channels, height, width]
  int64_t classes = 0;
};

// A pixel p in 0..255 becomes (p / 255 - mean) / std. The default maps to [0, 1].
struct PixelScale {
  double mean = 0;
  double std = 1;
};

// Images kept as bytes, a quarter of what floats take; gather() converts a batch at a time.
class ImageDataset final : public Dataset {
 public:
  // Throws ShapeError when the shape is not that of an image or the numbers of pixels and labels do not fit; IndexError
  // when a label is no class; ConfigError unless scale.mean is finite and scale.std is finite and positive.
  explicit ImageDataset(LabeledImages images, const PixelScale& scale = {});

  int64_t size() const override { return static_cast<int64_t>(images_.labels.size()); }
  // [channels, height, width]
  const Shape& image_shape() const { return images_.shape; }
  int64_t classes() const { return images_.classes; }

  // x: f32 [indices, channels, height, width], scaled; y: i64 [indices].
  Batch gather(std::span<const int64_t> indices) const override;

 private:
  LabeledImages images_;
  std::array<float, 256> value_of_pixel_{};
};

}  // namespace gossamer::data
#pragma GCC visibility pop
