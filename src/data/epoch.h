// What an epoch gives: its order, cut into batches that any thread can make.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "gossamer/data/loader.h"

namespace gossamer::data {

int64_t count_batches(int64_t samples, int64_t batch_size, bool drop_last);

class EpochPlan {
 public:
  // Throws ShapeError where the sampler's order has not the size that it said, or an index outside of the dataset.
  EpochPlan(std::shared_ptr<const Dataset> dataset, const DataLoaderOptions& options, const Sampler& sampler,
            int64_t epoch);

  int64_t batches() const { return batches_; }
  // Batch `number` of [0, batches()), gathered and transformed. Safe to call from several threads at once.
  Batch make(int64_t number) const;

 private:
  std::shared_ptr<const Dataset> dataset_;
  Transform transform_;
  uint64_t transform_key_;
  int64_t batch_size_;
  std::vector<int64_t> order_;
  int64_t batches_;
};

}  // namespace gossamer::data
