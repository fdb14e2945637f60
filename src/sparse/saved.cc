#include "sparse/saved.h"

namespace gossamer::sparse {

SparsityAlgorithm::Saved::Saved(SparsityAlgorithm& algorithm) {
  for (SparsityAlgorithm* member : algorithm.members()) {
    OfAlgorithm saved{member, member->attachments_, {}};
    for (const SparseParameter& p : member->sparse_params_) {
      saved.parameters.push_back(
          {p.param(), ParameterAccess::tap(p.param()), ParameterAccess::weight(p.param()).subset});
    }
    saved_.push_back(std::move(saved));
  }
}

void SparsityAlgorithm::Saved::restore() noexcept {
  kept_ = true;
  for (OfAlgorithm& saved : saved_) {
    saved.algorithm->attachments_ = std::move(saved.attachments);
    for (OfParameter& p : saved.parameters) {
      ParameterAccess::tap(p.parameter) = std::move(p.tap);
      ParameterAccess::set_forward_subset(p.parameter, std::move(p.subset));
    }
  }
}

}  // namespace gossamer::sparse
