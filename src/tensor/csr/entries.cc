#include "tensor/csr/entries.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "runtime/log.h"
#include "tensor/csr/arrays.h"
#include "tensor/dispatch.h"
#include "tensor/mask_bytes.h"

namespace gossamer {

namespace {

std::string describe(const Tensor& tensor) {
  return fmt::format("{} {}", dtype_name(tensor.dtype()), tensor.shape().to_string());
}

// The shape entry; nothing where it is absent or is no shape.
std::optional<Shape> read_shape(StateReader& reader, const std::string& name) {
  const Tensor entry = reader.find(name, Entry::Optional);
  if (!entry.defined()) return {};
  if (entry.rank() != 1 || entry.dtype() != DType::i64) {
    reader.fault(name, "i64 [rank]", describe(entry));
    return {};
  }
  try {
    const Shape shape(entry.span<int64_t>());
    as_matrix(shape);
    return shape;
  } catch (const ShapeError& error) {
    reader.fault(name, fmt::format("must be a shape: {}", error.what()));
    return {};
  }
}

int64_t count_nonzero(std::string_view op, const Tensor& x) {
  return dispatch_floating(x.dtype(), op, [&]<class T>() {
    const auto elements = x.span<T>();
    return x.numel() - std::count(elements.begin(), elements.end(), T(0));
  });
}

// The elements in another integer type, or these where it is the same.
template <class To, class From>
std::span<const To> converted(std::span<const From> from, std::vector<To>& memory) {
  if constexpr (std::is_same_v<To, From>) {
    return from;
  } else {
    memory.resize(from.size());
    std::ranges::transform(from, memory.begin(), [](From x) { return static_cast<To>(x); });
    return memory;
  }
}

template <class Index>
std::shared_ptr<const CsrPattern> read_pattern(StateReader& reader, const CsrEntryNames& names, MatrixSize size,
                                               const Tensor& crow, const Tensor& col) {
  const auto row_ptr = crow.span<Index>();
  const auto col_idx = col.span<Index>();
  if (const auto fault = csr_fault(size.cols, row_ptr, col_idx)) {
    reader.fault(fault->in == CsrFault::In::Columns ? names.col_indices : names.crow_indices,
                 fmt::format("must {}: {}", fault->must, fault->given));
    return nullptr;
  }
  std::vector<int64_t> rows;
  std::vector<int32_t> cols;
  return CsrPatternAccess::of_checked(size.rows, size.cols, converted(row_ptr, rows), converted(col_idx, cols));
}

}  // namespace

DType csr_index_dtype(int64_t nnz) { return nnz <= std::numeric_limits<int32_t>::max() ? DType::i32 : DType::i64; }

void add_csr_entries(StateDict& dict, const std::string& weight, const Shape& shape, const CsrPattern& pattern,
                     const Tensor& values) {
  const DType index = csr_index_dtype(pattern.nnz());
  Tensor crow = Tensor::zeros({pattern.rows() + 1}, index);
  Tensor col = Tensor::empty({pattern.nnz()}, index);
  if (index == DType::i32) {
    write_csr(pattern, crow.mutable_data<int32_t>(), col.mutable_data<int32_t>());
  } else {
    write_csr(pattern, crow.mutable_data<int64_t>(), col.mutable_data<int64_t>());
  }
  const CsrEntryNames names(weight);
  dict[names.crow_indices] = std::move(crow);
  dict[names.col_indices] = std::move(col);
  dict[names.values] = values;
  dict[names.shape] = Tensor::from(shape.dims(), {shape.rank()});
}

bool has_csr_entries(const StateDict& dict, const std::string& weight) {
  const CsrEntryNames names(weight);
  return dict.contains(names.crow_indices) || dict.contains(names.col_indices) || dict.contains(names.values);
}

std::optional<CsrEntries> read_csr_entries(StateReader& reader, const std::string& weight,
                                           const std::optional<Shape>& shape, std::optional<DType> dtype) {
  const CsrEntryNames names(weight);
  bool fits = true;
  const auto refuse = [&](const auto&... fault) {
    reader.fault(fault...);
    fits = false;
  };
  for (const std::string& name : {weight, mask_entry(weight)}) {
    if (!reader.contains(name)) continue;
    reader.find(name);
    refuse(name, fmt::format("must not be there beside '{}': a weight has one form", names.values));
  }
  // The one-dimensional tensor called so; undefined where there is none.
  const auto find = [&](const std::string& name) {
    if (!reader.contains(name)) {
      refuse(name, fmt::format("is missing, which '{}' in CSR form needs", weight));
      return Tensor();
    }
    Tensor tensor = reader.find(name);
    if (tensor.defined() && tensor.rank() != 1) refuse(name, "of rank 1", describe(tensor));
    fits = fits && tensor.defined();
    return tensor;
  };
  const Tensor crow = find(names.crow_indices);
  const Tensor col = find(names.col_indices);
  const Tensor values = find(names.values);
  const std::optional<Shape> saved = read_shape(reader, names.shape);
  if (reader.contains(names.shape) && !saved) fits = false;
  if (saved && shape && *saved != *shape) refuse(names.shape, shape->to_string(), saved->to_string());
  if (!shape && !reader.contains(names.shape)) {
    refuse(names.shape, fmt::format("is missing, which tells how many columns '{}' has", weight));
  }

  const auto is_index = [](const Tensor& tensor) {
    return tensor.dtype() == DType::i32 || tensor.dtype() == DType::i64;
  };
  if (crow.defined() && !is_index(crow)) refuse(names.crow_indices, "i32 or i64", dtype_name(crow.dtype()));
  if (col.defined() && (!is_index(col) || (crow.defined() && is_index(crow) && crow.dtype() != col.dtype()))) {
    refuse(names.col_indices, "i32 or i64, as its row pointers", dtype_name(col.dtype()));
  }
  if (values.defined() && (dtype ? values.dtype() != *dtype : !is_floating(values.dtype()))) {
    refuse(names.values, dtype ? dtype_name(*dtype) : "f32 or f64", dtype_name(values.dtype()));
  }
  if (col.defined() && values.defined() && col.numel() != values.numel()) {
    refuse(names.values, fmt::format("of {} elements, one per column index", col.numel()),
           fmt::format("of {}", values.numel()));
  }
  const std::optional<Shape>& known = shape ? shape : saved;
  const MatrixSize size = known ? as_matrix(*known) : MatrixSize{0, 0};
  if (known && size.cols > std::numeric_limits<int32_t>::max()) {
    refuse(weight, "of less than 2^31 columns in CSR form", fmt::format("of {}", size.cols));
  }
  if (known && crow.defined() && crow.numel() - 1 != size.rows) {
    refuse(names.crow_indices, fmt::format("of rows + 1 elements for {}", known->to_string()),
           fmt::format("of {}", crow.numel()));
  }
  if (!fits) return {};

  auto pattern = crow.dtype() == DType::i32 ? read_pattern<int32_t>(reader, names, size, crow, col)
                                            : read_pattern<int64_t>(reader, names, size, crow, col);
  if (!pattern) return {};
  return CsrEntries{std::move(pattern), values, *known};
}

std::shared_ptr<const CsrPattern> read_mask(StateReader& reader, const std::string& name, const Tensor& mask) {
  if (const auto bad = bad_mask_byte(mask)) {
    reader.fault(name, fmt::format("must have bytes of 0 and 1: element {} is {}", bad->index, bad->byte));
    return nullptr;
  }
  return CsrPattern::from_mask(mask);
}

void warn_about_hidden_values(std::string_view op, const std::string& name, const Tensor& dense,
                              const CsrPattern& pattern) {
  const int64_t hidden = count_nonzero(op, dense) - count_nonzero(op, pattern.gather(dense));
  if (hidden == 0) return;
  rt::warn("{}: '{}' has {} values other than 0 where its mask is 0; they are dropped", op, name, hidden);
}

}  // namespace gossamer
