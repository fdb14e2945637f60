// Records of label bytes and pixels, one after the other.
#include "gossamer/data/cifar.h"

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/files.h"
#include "gossamer/error.h"
#include "io/byte_source.h"
#include "runtime/check.h"

namespace gossamer::data {
namespace {

constexpr int64_t kSide = 32;
constexpr int64_t kChannels = 3;
constexpr int64_t kPixels = kChannels * kSide * kSide;

// One of the two data sets.
struct Kind {
  std::string_view op;
  std::string_view remedy;
  std::vector<int64_t> classes;  // of each label byte
  size_t label;                  // which of them is the target
};

const Kind kCifar10 = {
    .op = "load_cifar10", .remedy = "set .folder to the unpacked cifar-10-batches-bin", .classes = {10}, .label = 0};

Kind cifar100(Cifar100Labels labels) {
  return {.op = "load_cifar100",
          .remedy = "set .folder to the unpacked cifar-100-binary",
          .classes = {20, 100},
          .label = labels == Cifar100Labels::Fine ? size_t{1} : size_t{0}};
}

// Appends the images of a file.
void read_file(const Kind& kind, const std::filesystem::path& path, int64_t max_images, LabeledImages& images) {
  const auto labels = static_cast<int64_t>(kind.classes.size());
  const int64_t record = labels + kPixels;
  const int64_t limit = std::clamp<int64_t>(max_images, 0, std::numeric_limits<int64_t>::max() / record) * record;
  const auto source = io::open_file(path, kind.op);
  const auto bytes = io::read_bytes<std::vector<uint8_t>>(*source, limit);
  const auto size = static_cast<int64_t>(bytes.size());
  if (size == limit && !io::at_end(*source)) {
    fail<FormatError>(kind.op, fmt::format("a file must hold at most {} images", max_images),
                      fmt::format("'{}' holds more", source->name()), "raise max_images if that is right");
  }
  if (size == 0 || size % record != 0) {
    fail<FormatError>(kind.op, fmt::format("a file must hold images of {} bytes each, at least one", record),
                      fmt::format("'{}' has {} bytes", source->name(), size), kind.remedy);
  }
  images.pixels.reserve(images.pixels.size() + static_cast<size_t>(size / record * kPixels));
  for (int64_t i = 0; i < size / record; ++i) {
    const uint8_t* const at = bytes.data() + i * record;
    for (size_t k = 0; k < kind.classes.size(); ++k) {
      if (at[k] >= kind.classes[k]) {
        fail<FormatError>(kind.op, fmt::format("labels must be below {}", kind.classes[k]),
                          fmt::format("'{}' has label {} at image {}", source->name(), at[k], i), kind.remedy);
      }
    }
    images.labels.push_back(at[kind.label]);
    images.pixels.insert(images.pixels.end(), at + labels, at + record);
  }
}

std::shared_ptr<const ImageDataset> load_set(const Kind& kind, const std::filesystem::path& folder,
                                             const std::vector<std::string>& names, const PixelScale& scale,
                                             int64_t max_images) {
  LabeledImages images{
      .pixels = {}, .labels = {}, .shape = {kChannels, kSide, kSide}, .classes = kind.classes[kind.label]};
  for (const std::string& name : names) {
    read_file(kind, find_file(kind.op, folder, name, kind.remedy), max_images, images);
  }
  return std::make_shared<const ImageDataset>(std::move(images), scale);
}

}  // namespace

Cifar load_cifar10(const Cifar10Options& options) {
  const auto load = [&](const std::vector<std::string>& names) {
    return load_set(kCifar10, options.folder, names, options.scale, options.max_images);
  };
  return {.train = load(
              {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"}),
          .test = load({"test_batch.bin"})};
}

Cifar load_cifar100(const Cifar100Options& options) {
  const Kind kind = cifar100(options.labels);
  const auto load = [&](const std::string& name) {
    return load_set(kind, options.folder, {name}, options.scale, options.max_images);
  };
  return {.train = load("train.bin"), .test = load("test.bin")};
}

}  // namespace gossamer::data
