// Gathering samples from tensors and from images.
#include "gossamer/data/dataset.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "gossamer/error.h"
#include "runtime/check.h"
#include "tensor/dispatch.h"

namespace gossamer::data {
namespace {

void check_indices(std::string_view op, std::span<const int64_t> indices, int64_t size) {
  for (const int64_t i : indices) {
    if (i < 0 || i >= size) {
      fail<ShapeError>(op, fmt::format("an index must be in [0, {})", size), fmt::format("index {}", i));
    }
  }
}

// Rows `indices` of the first dimension. The indices are checked.
Tensor gather_rows(const Tensor& source, std::span<const int64_t> indices) {
  std::vector<int64_t> dims(source.shape().begin(), source.shape().end());
  const int64_t row = dims.front() == 0 ? 0 : source.numel() / dims.front();
  dims.front() = static_cast<int64_t>(indices.size());
  Tensor rows = Tensor::empty(Shape(dims), source.dtype());
  dispatch_all(source.dtype(), [&]<class T>() {
    const T* from = source.data<T>();
    T* to = rows.mutable_data<T>();
    for (const int64_t i : indices) to = std::copy_n(from + i * row, row, to);
  });
  return rows;
}

}  // namespace

TensorDataset::TensorDataset(Tensor x, Tensor y) : x_(std::move(x)), y_(std::move(y)) {
  const auto described = [](const Tensor& t) { return t.defined() ? t.shape().to_string() : "undefined"; };
  const bool fits = x_.defined() && y_.defined() && x_.rank() > 0 && y_.rank() > 0 && x_.dim(0) == y_.dim(0);
  if (!fits) {
    fail<ShapeError>("TensorDataset", "x and y must have the same first dimension, the number of samples",
                     fmt::format("x {}, y {}", described(x_), described(y_)));
  }
}

int64_t TensorDataset::size() const { return x_.dim(0); }

Batch TensorDataset::gather(std::span<const int64_t> indices) const {
  check_indices("TensorDataset::gather", indices, size());
  return {.x = gather_rows(x_, indices), .y = gather_rows(y_, indices)};
}

ImageDataset::ImageDataset(LabeledImages images, const PixelScale& scale) : images_(std::move(images)) {
  constexpr std::string_view kOp = "ImageDataset";
  const size_t features = images_.features > 0 ? static_cast<size_t>(images_.features) : 0;
  const bool fits = features > 0 && images_.pixels.size() % features == 0 &&
                    images_.pixels.size() / features == images_.labels.size();
  if (!fits) {
    fail<ShapeError>(kOp, "there must be `features` pixels, at least one, for each label",
                     fmt::format("{} pixels, {} labels, features {}", images_.pixels.size(), images_.labels.size(),
                                 images_.features));
  }
  for (const int64_t label : images_.labels) {
    if (label < 0 || label >= images_.classes) {
      fail<ShapeError>(kOp, fmt::format("labels must be in [0, {})", images_.classes), fmt::format("label {}", label));
    }
  }
  if (!std::isfinite(scale.mean) || !std::isfinite(scale.std) || scale.std <= 0) {
    fail<ConfigError>(kOp, "mean must be finite, std finite and positive",
                      fmt::format("mean {}, std {}", scale.mean, scale.std));
  }
  // Rounded once, from double: the same bits whatever the compiler contracts or vectorizes.
  for (size_t p = 0; p < value_of_pixel_.size(); ++p) {
    value_of_pixel_[p] = static_cast<float>((static_cast<double>(p) / 255 - scale.mean) / scale.std);
  }
}

Batch ImageDataset::gather(std::span<const int64_t> indices) const {
  check_indices("ImageDataset::gather", indices, size());
  const auto n = static_cast<int64_t>(indices.size());
  Batch batch{.x = Tensor::empty({n, features()}, DType::f32), .y = Tensor::empty({n}, DType::i64)};
  float* x = batch.x.mutable_data<float>();
  int64_t* y = batch.y.mutable_data<int64_t>();
  for (const int64_t i : indices) {
    const uint8_t* pixels = images_.pixels.data() + i * features();
    x = std::transform(pixels, pixels + features(), x, [this](uint8_t p) { return value_of_pixel_[p]; });
    *y++ = images_.labels[static_cast<size_t>(i)];
  }
  return batch;
}

}  // namespace gossamer::data
