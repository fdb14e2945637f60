#include "gossamer/data/subset.h"

#include <numeric>
#include <string_view>
#include <utility>

#include "data/draw.h"
#include "data/indices.h"
#include "gossamer/error.h"
#include "gossamer/random.h"
#include "runtime/check.h"

namespace gossamer::data {

Subset::Subset(std::shared_ptr<const Dataset> dataset, std::vector<int64_t> indices)
    : dataset_(std::move(dataset)), indices_(std::move(indices)) {
  if (dataset_ == nullptr) fail<ConfigError>("Subset", "a dataset must be given", "null pointer");
  check_indices("Subset", indices_, dataset_->size());
}

Batch Subset::gather(std::span<const int64_t> indices) const {
  check_indices("Subset::gather", indices, size());
  std::vector<int64_t> there;
  there.reserve(indices.size());
  for (const int64_t i : indices) there.push_back(indices_[static_cast<size_t>(i)]);
  return dataset_->gather(there);
}

std::vector<std::shared_ptr<const Subset>> random_split(const std::shared_ptr<const Dataset>& dataset,
                                                        std::span<const int64_t> sizes, uint64_t seed) {
  constexpr std::string_view kOp = "random_split";
  if (dataset == nullptr) fail<ConfigError>(kOp, "a dataset must be given", "null pointer");
  int64_t left = dataset->size();
  for (const int64_t size : sizes) {
    if (size < 0 || size > left) left = -1;
    if (left < 0) break;
    left -= size;
  }
  if (left != 0) {
    fail<ConfigError>(kOp, fmt::format("sizes must not be negative and add up to {}", dataset->size()),
                      fmt::format("{}", fmt::join(sizes, ", ")));
  }
  std::vector<int64_t> order(static_cast<size_t>(dataset->size()));
  std::iota(order.begin(), order.end(), int64_t{0});
  shuffle(order, derive_key(seed, "random_split", 0));
  std::vector<std::shared_ptr<const Subset>> parts;
  auto begin = order.begin();
  for (const int64_t size : sizes) {
    parts.push_back(std::make_shared<const Subset>(dataset, std::vector(begin, begin + size)));
    begin += size;
  }
  return parts;
}

}  // namespace gossamer::data
