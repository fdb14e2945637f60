// Conversion of patterns and values: canonical arrays, masks, dense matrices, and the two orders of values.
#include <fmt/format.h>

#include <array>
#include <span>
#include <utility>

#include "gossamer/csr_pattern.h"
#include "runtime/check.h"
#include "tensor/csr/arrays.h"
#include "tensor/csr/walk.h"
#include "tensor/dispatch.h"

namespace gossamer {

namespace {

void check_values(const Tensor& values, int64_t count, const char* op) {
  if (!values.defined() || values.numel() != count) {
    fail<ShapeError>(op, fmt::format("there must be {} elements", count),
                     values.defined() ? values.shape().to_string() : "an undefined tensor");
  }
}

}  // namespace

Csr CsrPattern::csr() const {
  Csr csr;
  csr.row_ptr.resize(static_cast<size_t>(rows_ + 1));
  csr.col_idx.resize(static_cast<size_t>(nnz_));
  write_csr(*this, csr.row_ptr.data(), csr.col_idx.data());
  return csr;
}

void CsrPattern::visit(Visitor f, void* context) const {
  // Short runs: they stay in L1 between the walk and the visitor.
  constexpr size_t kRun = 128;
  std::array<SlotPosition, kRun> run;
  size_t n = 0;
  for (CsrWalk walk(*this); walk.next_block();) {
    walk.for_each([&](const SlotPosition& p) {
      run[n++] = p;
      if (n == kRun) f(context, std::span(run).first(std::exchange(n, 0)));
    });
  }
  if (n > 0) f(context, std::span(run).first(n));
}

Tensor CsrPattern::mask() const {
  Tensor mask = Tensor::zeros({rows_, cols_}, DType::boolean);
  bool* bits = mask.mutable_data<bool>();
  parallel_row_blocks(*this, [&](const CsrWalk& walk, int64_t) {
    walk.for_each([&](const SlotPosition& p) { bits[p.row * cols_ + p.col] = true; });
  });
  return mask;
}

Tensor CsrPattern::dense(const Tensor& values) const {
  check_values(values, nnz_, "CsrPattern::dense");
  if (full_) return values.clone().alias({rows_, cols_});
  Tensor dense = Tensor::zeros({rows_, cols_}, values.dtype());
  dispatch_all(values.dtype(), [&]<class T>() {
    const T* from = values.data<T>();
    T* to = dense.mutable_data<T>();
    parallel_row_blocks(*this, [&](const CsrWalk& walk, int64_t) {
      walk.for_each([&](const SlotPosition& p) { to[p.row * cols_ + p.col] = from[p.slot]; });
    });
  });
  return dense;
}

Tensor CsrPattern::gather(const Tensor& dense) const {
  check_values(dense, rows_ * cols_, "CsrPattern::gather");
  if (full_) return dense.clone().alias({nnz_});
  Tensor values = Tensor::empty({nnz_}, dense.dtype());
  dispatch_all(dense.dtype(), [&]<class T>() {
    const T* from = dense.data<T>();
    T* to = values.mutable_data<T>();
    parallel_row_blocks(*this, [&](const CsrWalk& walk, int64_t) {
      walk.for_each([&](const SlotPosition& p) { to[p.slot] = from[p.row * cols_ + p.col]; });
    });
  });
  return values;
}

Tensor CsrPattern::to_canonical(const Tensor& values) const {
  check_values(values, nnz_, "CsrPattern::to_canonical");
  Tensor canonical = Tensor::empty({nnz_}, values.dtype());
  dispatch_all(values.dtype(), [&]<class T>() {
    const T* from = values.data<T>();
    T* to = canonical.mutable_data<T>();
    parallel_row_blocks(*this, [&](const CsrWalk& walk, int64_t block) {
      T* next = to + walk.slot_begin(block);
      walk.for_each([&](const SlotPosition& p) { *next++ = from[p.slot]; });
    });
  });
  return canonical;
}

Tensor CsrPattern::from_canonical(const Tensor& values) const {
  check_values(values, nnz_, "CsrPattern::from_canonical");
  Tensor slots = Tensor::empty({nnz_}, values.dtype());
  dispatch_all(values.dtype(), [&]<class T>() {
    const T* from = values.data<T>();
    T* to = slots.mutable_data<T>();
    parallel_row_blocks(*this, [&](const CsrWalk& walk, int64_t block) {
      const T* next = from + walk.slot_begin(block);
      walk.for_each([&](const SlotPosition& p) { to[p.slot] = *next++; });
    });
  });
  return slots;
}

}  // namespace gossamer
