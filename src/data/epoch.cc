#include "data/epoch.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include "data/indices.h"
#include "gossamer/error.h"
#include "gossamer/random.h"
#include "runtime/check.h"

namespace gossamer::data {

int64_t count_batches(int64_t samples, int64_t batch_size, bool drop_last) {
  const bool has_rest = samples % batch_size != 0;
  return samples / batch_size + (has_rest && !drop_last ? 1 : 0);
}

EpochPlan::EpochPlan(std::shared_ptr<const Dataset> dataset, const DataLoaderOptions& options, const Sampler& sampler,
                     int64_t epoch)
    : dataset_(std::move(dataset)),
      transform_(options.transform),
      transform_key_(derive_key(options.seed, "transform", epoch)),
      batch_size_(options.batch_size) {
  const int64_t samples = dataset_->size();
  order_ = sampler.order({.samples = samples, .seed = options.seed, .epoch = epoch});
  const int64_t size = sampler.size(samples);
  if (static_cast<int64_t>(order_.size()) != size) {
    fail<ShapeError>("DataLoader", fmt::format("{} must give {} samples, its size", sampler.describe(), size),
                     fmt::format("{}", order_.size()));
  }
  check_indices(sampler.describe(), order_, samples);
  batches_ = count_batches(size, batch_size_, options.drop_last);
}

Batch EpochPlan::make(int64_t number) const {
  const std::span rest = std::span<const int64_t>(order_).subspan(static_cast<size_t>(number * batch_size_));
  const std::span indices = rest.first(std::min(rest.size(), static_cast<size_t>(batch_size_)));
  Batch batch = dataset_->gather(indices);
  if (transform_) transform_(batch, {.indices = indices, .key = transform_key_});
  return batch;
}

}  // namespace gossamer::data
