#include "ops/csr/weight.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "gossamer/dispatch.h"
#include "runtime/check.h"
#include "runtime/parallel.h"

namespace gossamer {

ForwardSubset::ForwardSubset(std::string_view op, int64_t whole, std::shared_ptr<const CsrPattern> pattern,
                             std::vector<int64_t> source)
    : whole_(whole), pattern_(std::move(pattern)), source_(std::move(source)) {
  if (!pattern_ || static_cast<int64_t>(source_.size()) != pattern_->nnz()) {
    fail<ShapeError>(op, "the subset must have one source per slot",
                     pattern_ ? fmt::format("{} sources for {} slots", source_.size(), pattern_->nnz()) : "no pattern");
  }
  const auto outside = [&](int64_t slot) { return slot < 0 || slot >= whole; };
  if (const auto missing = std::ranges::count_if(source_, outside); missing > 0) {
    fail<ConfigError>(op, "the subset must lie within the pattern", fmt::format("{} connections do not", missing));
  }
}

int64_t ForwardSubset::bytes() const {
  return pattern_->bytes() + static_cast<int64_t>(source_.size() * sizeof(int64_t));
}

Tensor CsrWeight::used_values() const {
  if (!subset) return values;
  Tensor picked = Tensor::empty({subset->pattern()->nnz()}, values.dtype());
  dispatch_floating(values.dtype(), "forward subset", [&]<class T>() {
    const T* from = values.data<T>();
    T* to = picked.mutable_data<T>();
    rt::parallel_chunks(picked.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i] = from[subset->source()[static_cast<size_t>(i)]];
    });
  });
  return picked;
}

void CsrWeight::check(std::string_view op) const {
  if (!pattern || !values.defined()) {
    fail<StateError>(op, "pattern and values must be defined", pattern ? "undefined values" : "no pattern");
  }
  if (values.rank() != 1 || values.numel() != pattern->nnz()) {
    fail<ShapeError>(op, fmt::format("values must be [{}], one per nonzero", pattern->nnz()),
                     values.shape().to_string());
  }
  if (!subset) return;
  const CsrPattern& part = *subset->pattern();
  if (part.rows() != pattern->rows() || part.cols() != pattern->cols() || subset->whole() != pattern->nnz()) {
    fail<ShapeError>(
        op,
        fmt::format("the subset must be {} x {}, of {} connections", pattern->rows(), pattern->cols(), pattern->nnz()),
        fmt::format("{} x {} of {}", part.rows(), part.cols(), subset->whole()));
  }
}

}  // namespace gossamer
