// The measurements of the ratio program: which there are, and their figures as they are taken.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "bench/options.h"
#include "bench/ratios.h"

namespace gossamer::bench {

struct Measured {
  Ratio ratio;
  int64_t nnz;
  int64_t bytes;  // that a product of Gossamer has to read and write at least; 0 for other libraries
  int turns;
};

// What takes turns together on one layer: the dense product, with few samples on OpenBLAS and as the library has it,
// Gossamer's sparse one in every layout, and those of other libraries.
struct Group {
  LayerSize size;
  double sparsity;
  Kernel kernel;
  int threads;
  std::vector<Series> series;
  std::vector<Measured> measured;  // one for each series; empty before
};

class Measurements {
 public:
  explicit Measurements(const Options& options);
  ~Measurements();

  const std::vector<Group>& groups() const { return groups_; }
  // Measures a group unless it has been, within a share of the time left that follows from its work.
  const Group& measure(size_t index);
  // Those taken so far, series by series.
  std::vector<Ratio> ratios() const;

 private:
  struct Layer;  // the operands of one size and pattern

  void prepare(const Group& group);

  const Options options_;
  std::vector<Group> groups_;
  double seconds_left_;
  double work_left_ = 0;
  std::unique_ptr<Layer> layer_;  // that of the group measured last
};

}  // namespace gossamer::bench
