// Parts of a data set.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "gossamer/data/dataset.h"

#pragma GCC visibility push(default)
namespace gossamer::data {

// Some samples of another data set, numbered anew.
class Subset final : public Dataset {
 public:
  // Throws ConfigError when there is no data set, IndexError when an index is outside of it; an index may come twice.
  Subset(std::shared_ptr<const Dataset> dataset, std::vector<int64_t> indices);

  int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
  Batch gather(std::span<const int64_t> indices) const override;
  // In the other data set.
  const std::vector<int64_t>& indices() const { return indices_; }

 private:
  std::shared_ptr<const Dataset> dataset_;
  std::vector<int64_t> indices_;
};

// Deals all samples out at random: parts of the given sizes, such as training and validation. A function of the seed.
// Throws ConfigError when there is no data set, or the sizes are negative or do not add up to its size.
std::vector<std::shared_ptr<const Subset>> random_split(const std::shared_ptr<const Dataset>& dataset,
                                                        std::span<const int64_t> sizes, uint64_t seed);
inline std::vector<std::shared_ptr<const Subset>> random_split(const std::shared_ptr<const Dataset>& dataset,
                                                               std::initializer_list<int64_t> sizes, uint64_t seed) {
  return random_split(dataset, std::span(sizes.begin(), sizes.size()), seed);
}

}  // namespace gossamer::data
#pragma GCC visibility pop
