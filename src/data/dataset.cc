// Gathering samples from tensors and from images.
#include "gossamer/data/dataset.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "data/indices.h"
#include "gossamer/dispatch.h"
#include "gossamer/error.h"
#include "runtime/check.h"

namespace gossamer::data {
namespace {

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

const Tensor& Batch::operator[](std::string_view name) const {
  if (name == "x") return x;
  if (name == "y") return y;
  const auto found = more.find(std::string(name));
  if (found == more.end()) {
    std::string names = "x, y";
    for (const auto& [other, tensor] : more) names += ", " + other;
    fail<ConfigError>("Batch", fmt::format("the name must be one of {}", names), fmt::format("'{}'", name));
  }
  return found->second;
}

TensorDataset::TensorDataset(Tensor x, Tensor y, std::map<std::string, Tensor> more)
    : all_{.x = std::move(x), .y = std::move(y), .more = std::move(more)} {
  constexpr std::string_view kOp = "TensorDataset";
  std::string given;
  bool fits = true;
  const auto look_at = [&](std::string_view name, const Tensor& t) {
    given += fmt::format("{}{} {}", given.empty() ? "" : ", ", name, t.defined() ? t.shape().to_string() : "undefined");
    fits = fits && t.defined() && t.rank() > 0;
    fits = fits && t.dim(0) == all_.x.dim(0);
  };
  look_at("x", all_.x);
  look_at("y", all_.y);
  for (const auto& [name, tensor] : all_.more) {
    look_at(name, tensor);
    if (name == "x" || name == "y") {
      fail<ConfigError>(kOp, "further inputs must not be called x or y", fmt::format("'{}'", name));
    }
  }
  if (!fits) {
    fail<ShapeError>(kOp, "all tensors must have the same first dimension, the number of samples", given);
  }
}

Shape TensorDataset::rows_of(size_t values, size_t rows) {
  const size_t columns = rows == 0 ? 0 : values / rows;
  if (columns * rows != values) {
    fail<ShapeError>("TensorDataset", "x must have the same number of values for each of y",
                     fmt::format("{} values for {}", values, rows));
  }
  return {static_cast<int64_t>(rows), static_cast<int64_t>(columns)};
}

int64_t TensorDataset::size() const { return all_.x.dim(0); }

Batch TensorDataset::gather(std::span<const int64_t> indices) const {
  check_indices("TensorDataset::gather", indices, size());
  Batch batch{.x = gather_rows(all_.x, indices), .y = gather_rows(all_.y, indices)};
  for (const auto& [name, tensor] : all_.more) batch.more.emplace(name, gather_rows(tensor, indices));
  return batch;
}

ImageDataset::ImageDataset(LabeledImages images, const PixelScale& scale) : images_(std::move(images)) {
  constexpr std::string_view kOp = "ImageDataset";
  const auto per_image = static_cast<size_t>(images_.shape.numel());
  const bool fits = images_.shape.rank() == 3 && per_image > 0 && images_.pixels.size() % per_image == 0 &&
                    images_.pixels.size() / per_image == images_.labels.size();
  if (!fits) {
    fail<ShapeError>(kOp, "there must be an image [channels, height, width], of at least one pixel, for each label",
                     fmt::format("{} pixels, {} labels, shape {}", images_.pixels.size(), images_.labels.size(),
                                 images_.shape.to_string()));
  }
  for (const int64_t label : images_.labels) {
    if (label < 0 || label >= images_.classes) {
      fail<IndexError>(kOp, fmt::format("labels must be in [0, {})", images_.classes), fmt::format("label {}", label));
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
  const Shape& image = images_.shape;
  const int64_t size_of_image = image.numel();
  Batch batch{.x = Tensor::empty({n, image[0], image[1], image[2]}, DType::f32), .y = Tensor::empty({n}, DType::i64)};
  float* x = batch.x.mutable_data<float>();
  int64_t* y = batch.y.mutable_data<int64_t>();
  for (const int64_t i : indices) {
    const uint8_t* pixels = images_.pixels.data() + i * size_of_image;
    x = std::transform(pixels, pixels + size_of_image, x, [this](uint8_t p) { return value_of_pixel_[p]; });
    *y++ = images_.labels[static_cast<size_t>(i)];
  }
  return batch;
}

}  // namespace gossamer::data
