// What an algorithm is put back to when something throws after it changed.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "gossamer/sparse/algorithm.h"
#include "parameter/access.h"

namespace gossamer::sparse {

// Restores when it goes, unless keep() was called before.
class SparsityAlgorithm::Saved {
 public:
  explicit Saved(SparsityAlgorithm& algorithm);
  ~Saved() {
    if (!kept_) restore();
  }
  Saved(const Saved&) = delete;
  Saved& operator=(const Saved&) = delete;

  void keep() noexcept { kept_ = true; }
  void restore() noexcept;

 private:
  struct OfParameter {
    Parameter parameter;
    GradientTap tap;
    std::shared_ptr<const ForwardSubset> subset;
  };
  struct OfAlgorithm {
    SparsityAlgorithm* algorithm;
    std::vector<Attachment> attachments;
    std::vector<OfParameter> parameters;
  };
  std::vector<OfAlgorithm> saved_;
  bool kept_ = false;
};

// Opens Saved to layers above.
struct SavedAlgorithm : SparsityAlgorithm {
  using SparsityAlgorithm::Saved;
};

}  // namespace gossamer::sparse
