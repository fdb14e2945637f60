#include "ops/csr/weight.h"

#include <fmt/format.h>

#include "runtime/check.h"
#include "runtime/parallel.h"
#include "tensor/dispatch.h"

namespace gossamer {

Tensor CsrWeight::used_values() const {
  if (!subset) return values;
  Tensor picked = Tensor::empty({subset->pattern->nnz()}, values.dtype());
  dispatch_floating(values.dtype(), "forward subset", [&]<class T>() {
    const T* from = values.data<T>();
    T* to = picked.mutable_data<T>();
    rt::parallel_chunks(picked.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i] = from[subset->source[static_cast<size_t>(i)]];
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
  if (!subset->pattern || subset->pattern->rows() != pattern->rows() || subset->pattern->cols() != pattern->cols() ||
      static_cast<int64_t>(subset->source.size()) != subset->pattern->nnz()) {
    fail<ShapeError>(
        op, fmt::format("the subset must be {} x {}, with one source per slot", pattern->rows(), pattern->cols()),
        subset->pattern ? fmt::format("{} x {} with {} sources for {} slots", subset->pattern->rows(),
                                      subset->pattern->cols(), subset->source.size(), subset->pattern->nnz())
                        : "no pattern");
  }
}

}  // namespace gossamer
