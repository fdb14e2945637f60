// Reads the four files of Fashion-MNIST and checks that they belong together.
#include "gossamer/data/fashion_mnist.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/files.h"
#include "gossamer/data/idx.h"
#include "gossamer/error.h"
#include "runtime/check.h"

namespace gossamer::data {
namespace {

constexpr std::string_view kOp = "load_fashion_mnist";
constexpr std::string_view kRemedy =
    "install the package dataset-fashion-mnist, or set .folder to one with sound files";
constexpr int64_t kSide = 28;
constexpr int64_t kClasses = 10;

[[noreturn]] void fail_array(std::string_view must, const std::filesystem::path& path, const IdxArray& array) {
  fail<FormatError>(kOp, must,
                    fmt::format("'{}' has elements of type {:02x} and shape {}", path.string(),
                                static_cast<int>(array.type), array.shape),
                    kRemedy);
}

std::shared_ptr<const ImageDataset> load_set(const FashionMnistOptions& options, const std::string& prefix) {
  const std::filesystem::path images_path = find_file(kOp, options.folder, prefix + "-images-idx3-ubyte", kRemedy);
  const std::filesystem::path labels_path = find_file(kOp, options.folder, prefix + "-labels-idx1-ubyte", kRemedy);

  const IdxArray labels = read_idx(labels_path, {.max_bytes = options.max_images});
  if (labels.type != IdxType::U8 || labels.shape.size() != 1) {
    fail_array("labels must be bytes [n]", labels_path, labels);
  }
  const auto bad_label = std::ranges::find_if(labels.bytes, [](uint8_t label) { return label >= kClasses; });
  if (bad_label != labels.bytes.end()) {
    fail<FormatError>(
        kOp, fmt::format("labels must be below {}", kClasses),
        fmt::format("'{}' has label {} at {}", labels_path.string(), *bad_label, bad_label - labels.bytes.begin()),
        kRemedy);
  }

  constexpr int64_t kPixels = kSide * kSide;
  const int64_t max_images = std::min(options.max_images, std::numeric_limits<int64_t>::max() / kPixels);
  IdxArray images = read_idx(images_path, {.max_bytes = max_images * kPixels});
  if (images.type != IdxType::U8 || images.shape.size() != 3 || images.shape[1] != kSide || images.shape[2] != kSide) {
    fail_array("images must be bytes [n, 28, 28]", images_path, images);
  }
  if (images.shape[0] != labels.shape[0]) {
    fail<FormatError>(kOp, "there must be one label for each image",
                      fmt::format("'{}' has {} images, '{}' has {} labels", images_path.string(), images.shape[0],
                                  labels_path.string(), labels.shape[0]),
                      kRemedy);
  }
  return std::make_shared<ImageDataset>(
      LabeledImages{.pixels = std::move(images.bytes),
                    .labels = std::vector<int64_t>(labels.bytes.begin(), labels.bytes.end()),
                    .shape = {1, kSide, kSide},
                    .classes = kClasses},
      options.scale);
}

}  // namespace

FashionMnist load_fashion_mnist(const FashionMnistOptions& options) {
  return {.train = load_set(options, "train"), .test = load_set(options, "t10k")};
}

}  // namespace gossamer::data
