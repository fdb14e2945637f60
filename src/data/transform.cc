#include "gossamer/data/transform.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

#include "data/draw.h"
#include "gossamer/error.h"
#include "runtime/check.h"

namespace gossamer::data {
namespace {

void check_images(std::string_view op, const Batch& batch, const TransformContext& context) {
  const Tensor& x = batch.x;
  if (!x.defined() || x.rank() != 4 || x.dim(0) != static_cast<int64_t>(context.indices.size())) {
    fail<ShapeError>(op, fmt::format("x must be [{}, channels, height, width]", context.indices.size()),
                     x.defined() ? x.shape().to_string() : "undefined");
  }
  if (x.dtype() != DType::f32) {
    fail<DTypeError>(op, "x must be f32", dtype_name(x.dtype()), "convert with .to(DType::f32)");
  }
}

// The elements for writing; copied first where others hold them too, such as a data set that gives out views.
float* writable(Tensor& x) {
  if (!x.owns_storage_alone()) x = x.clone();
  return x.mutable_data<float>();
}

void check_size(std::string_view op, int64_t height, int64_t width) {
  if (height < 1 || width < 1) {
    fail<ConfigError>(op, "height and width must be positive", fmt::format("height {}, width {}", height, width));
  }
}

// Where a crop begins in its image; negative inside the padding.
struct Corner {
  int64_t top;
  int64_t left;
};

// Cuts [height, width] out of each image; what lies outside of an image is `fill`.
template <class CornerOf>
Tensor crop(const Tensor& x, int64_t height, int64_t width, float fill, const CornerOf& corner_of) {
  const int64_t n = x.dim(0);
  const int64_t channels = x.dim(1);
  const int64_t rows = x.dim(2);
  const int64_t columns = x.dim(3);
  Tensor out = Tensor::empty({n, channels, height, width});
  const float* from = x.data<float>();
  float* to = out.mutable_data<float>();
  for (int64_t i = 0; i < n; ++i) {
    const Corner corner = corner_of(static_cast<size_t>(i));
    // Columns of the result that lie inside the image.
    const int64_t begin = std::clamp<int64_t>(-corner.left, 0, width);
    const int64_t end = std::clamp<int64_t>(columns - corner.left, begin, width);
    for (int64_t c = 0; c < channels; ++c, from += rows * columns) {
      for (int64_t r = 0; r < height; ++r, to += width) {
        const int64_t row = r + corner.top;
        if (row < 0 || row >= rows) {
          std::fill_n(to, width, fill);
          continue;
        }
        std::fill_n(to, begin, fill);
        if (begin < end) std::copy_n(from + row * columns + corner.left + begin, end - begin, to + begin);
        std::fill_n(to + end, width - end, fill);
      }
    }
  }
  return out;
}

}  // namespace

Compose::Compose(std::vector<Transform> transforms) : transforms_(std::move(transforms)) {
  for (size_t i = 0; i < transforms_.size(); ++i) {
    if (!transforms_[i]) {
      fail<ConfigError>("Compose", "every transform must be callable", fmt::format("number {} is empty", i));
    }
  }
}

void Compose::operator()(Batch& batch, const TransformContext& context) const {
  for (size_t i = 0; i < transforms_.size(); ++i) {
    transforms_[i](batch,
                   {.indices = context.indices, .key = derive_key(context.key, "Compose", static_cast<int64_t>(i))});
  }
}

Normalize::Normalize(const NormalizeOptions& options) {
  constexpr std::string_view kOp = "Normalize";
  if (options.mean.empty() || options.mean.size() != options.std.size()) {
    fail<ConfigError>(kOp, "there must be a mean and a std for each channel",
                      fmt::format("{} means, {} stds", options.mean.size(), options.std.size()));
  }
  for (size_t c = 0; c < options.mean.size(); ++c) {
    const auto mean = static_cast<float>(options.mean[c]);
    const auto std = static_cast<float>(options.std[c]);
    if (!std::isfinite(mean) || !std::isfinite(std) || std <= 0) {
      fail<ConfigError>(kOp, "mean must be finite, std finite and positive, as floats",
                        fmt::format("mean {}, std {} for channel {}", options.mean[c], options.std[c], c));
    }
    mean_.push_back(mean);
    std_.push_back(std);
  }
}

void Normalize::operator()(Batch& batch, const TransformContext& context) const {
  constexpr std::string_view kOp = "Normalize";
  check_images(kOp, batch, context);
  const int64_t channels = batch.x.dim(1);
  if (channels != static_cast<int64_t>(mean_.size())) {
    fail<ShapeError>(kOp, fmt::format("x must have {} channels", mean_.size()), batch.x.shape().to_string());
  }
  const int64_t pixels = batch.x.dim(2) * batch.x.dim(3);
  const int64_t planes = batch.x.dim(0) * channels;
  float* x = writable(batch.x);
  for (int64_t plane = 0; plane < planes; ++plane) {
    const auto channel = static_cast<size_t>(plane % channels);
    const float mean = mean_[channel];
    const float std = std_[channel];
    x = std::transform(x, x + pixels, x, [=](float v) { return (v - mean) / std; });
  }
}

RandomHorizontalFlip::RandomHorizontalFlip(const RandomHorizontalFlipOptions& options) : options_(options) {
  if (!(options.p >= 0 && options.p <= 1)) {
    fail<ConfigError>("RandomHorizontalFlip", "p must be in [0, 1]", fmt::format("p {}", options.p));
  }
}

void RandomHorizontalFlip::operator()(Batch& batch, const TransformContext& context) const {
  check_images("RandomHorizontalFlip", batch, context);
  const int64_t width = batch.x.dim(3);
  const int64_t rows = batch.x.dim(1) * batch.x.dim(2);
  float* x = writable(batch.x);
  for (size_t i = 0; i < context.indices.size(); ++i, x += rows * width) {
    if (random_double(context.sample_key(i), 0) >= options_.p) continue;
    for (int64_t r = 0; r < rows; ++r) std::reverse(x + r * width, x + (r + 1) * width);
  }
}

RandomCrop::RandomCrop(const RandomCropOptions& options) : options_(options) {
  constexpr std::string_view kOp = "RandomCrop";
  check_size(kOp, options.height, options.width);
  if (options.padding < 0 || options.padding > std::numeric_limits<int32_t>::max()) {
    fail<ConfigError>(kOp, "padding must be in [0, 2^31)", fmt::format("padding {}", options.padding));
  }
  if (!std::isfinite(static_cast<float>(options.fill))) {
    fail<ConfigError>(kOp, "fill must be a finite float", fmt::format("fill {}", options.fill));
  }
}

void RandomCrop::operator()(Batch& batch, const TransformContext& context) const {
  constexpr std::string_view kOp = "RandomCrop";
  check_images(kOp, batch, context);
  const int64_t spare_rows = batch.x.dim(2) + 2 * options_.padding - options_.height;
  const int64_t spare_columns = batch.x.dim(3) + 2 * options_.padding - options_.width;
  if (spare_rows < 0 || spare_columns < 0) {
    fail<ShapeError>(kOp,
                     fmt::format("x with {} padding must be at least [.., {}, {}]", options_.padding, options_.height,
                                 options_.width),
                     batch.x.shape().to_string());
  }
  batch.x = crop(batch.x, options_.height, options_.width, static_cast<float>(options_.fill), [&](size_t i) -> Corner {
    const uint64_t key = context.sample_key(i);
    uint64_t draws = 0;
    const auto top = static_cast<int64_t>(draw_below(key, draws, static_cast<uint64_t>(spare_rows) + 1));
    const auto left = static_cast<int64_t>(draw_below(key, draws, static_cast<uint64_t>(spare_columns) + 1));
    return {top - options_.padding, left - options_.padding};
  });
}

CenterCrop::CenterCrop(const CenterCropOptions& options) : options_(options) {
  check_size("CenterCrop", options.height, options.width);
}

void CenterCrop::operator()(Batch& batch, const TransformContext& context) const {
  constexpr std::string_view kOp = "CenterCrop";
  check_images(kOp, batch, context);
  const int64_t spare_rows = batch.x.dim(2) - options_.height;
  const int64_t spare_columns = batch.x.dim(3) - options_.width;
  if (spare_rows < 0 || spare_columns < 0) {
    fail<ShapeError>(kOp, fmt::format("x must be at least [.., {}, {}]", options_.height, options_.width),
                     batch.x.shape().to_string());
  }
  batch.x = crop(batch.x, options_.height, options_.width, 0, [&](size_t) -> Corner {
    return {spare_rows / 2, spare_columns / 2};
  });
}

}  // namespace gossamer::data
