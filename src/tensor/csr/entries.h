// A sparse weight as entries of a StateDict (SparseForm, state_dict.h): reading with all checks, and writing.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gossamer/csr_pattern.h"
#include "gossamer/state_dict.h"
#include "tensor/state_reader.h"

namespace gossamer {

inline std::string mask_entry(const std::string& weight) { return weight + "_mask"; }

struct CsrEntryNames {
  std::string crow_indices, col_indices, values, shape;
  explicit CsrEntryNames(const std::string& weight)
      : crow_indices(weight + ".crow_indices"),
        col_indices(weight + ".col_indices"),
        values(weight + ".values"),
        shape(weight + ".shape") {}
  std::array<std::string, 4> all() const { return {crow_indices, col_indices, values, shape}; }
};

// i32 where it can count the nonzeros, else i64; columns of a pattern are below 2^31.
DType csr_index_dtype(int64_t nnz);

// Adds a weight in CSR form; `values` are row-major, and become the entry.
void add_csr_entries(StateDict& dict, const std::string& weight, const Shape& shape, const CsrPattern& pattern,
                     const Tensor& values);

// Whether the dict holds any array of a weight in CSR form.
bool has_csr_entries(const StateDict& dict, const std::string& weight);

struct CsrEntries {
  std::shared_ptr<const CsrPattern> pattern;
  Tensor values;  // [nnz], row-major
  Shape shape;
};

// The weight in CSR form, of the shape and dtype that are given, or else of its shape entry, which is then required,
// and f32 or f64. Nothing where anything is wrong with it, which the reader has noted.
std::optional<CsrEntries> read_csr_entries(StateReader& reader, const std::string& weight,
                                           const std::optional<Shape>& shape = {}, std::optional<DType> dtype = {});

// The pattern of a mask, null where a byte of it is neither 0 nor 1, which the reader has noted.
std::shared_ptr<const CsrPattern> read_mask(StateReader& reader, const std::string& name, const Tensor& mask);

// A dict that was masked where it comes from has zeros outside the pattern.
void warn_about_hidden_values(std::string_view op, const std::string& name, const Tensor& dense,
                              const CsrPattern& pattern);

}  // namespace gossamer
