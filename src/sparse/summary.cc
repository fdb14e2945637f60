#include "gossamer/sparse/summary.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/json_text.h"
#include "runtime/table.h"

namespace gossamer::sparse {

namespace {

double share(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

// The largest number where the product does not fit: a dense form of that size cannot exist anyway.
int64_t product(int64_t a, int64_t b) {
  int64_t fitting = 0;
  return __builtin_mul_overflow(a, b, &fitting) ? std::numeric_limits<int64_t>::max() : fitting;
}
void add_to(int64_t& total, int64_t part) {
  if (__builtin_add_overflow(total, part, &total)) total = std::numeric_limits<int64_t>::max();
}

SummaryRow row_of(const Parameter& p, const InTimeOverParameterization* itop) {
  const int64_t flops_per_element = p.shape().rank() < 2 ? 1 : 2;
  SummaryRow row{.name = p.name(),
                 .shape = p.shape(),
                 .elements = p.numel(),
                 .nnz = p.nnz(),
                 .dense_bytes = product(p.numel(), dtype_size(p.dtype())),
                 .csr_bytes = p.value_bytes() + p.index_bytes(),
                 .dense_flops = product(p.numel(), flops_per_element),
                 .csr_flops = p.nnz() * flops_per_element,
                 .last_change = p.last_change()};
  if (p.is_csr()) {
    std::vector<bool> row_lives(static_cast<size_t>(p.pattern()->rows()));
    std::vector<bool> col_lives(static_cast<size_t>(p.pattern()->cols()));
    p.pattern()->for_each([&](const SlotPosition& at) {
      row_lives[static_cast<size_t>(at.row)] = true;
      col_lives[static_cast<size_t>(at.col)] = true;
    });
    row.dead_rows = std::ranges::count(row_lives, false);
    row.dead_cols = std::ranges::count(col_lives, false);
  }
  if (itop != nullptr && itop->tracks(p)) row.explored = itop->num_explored(p);
  return row;
}

void add(SummaryRow& total, const SummaryRow& row) {
  add_to(total.elements, row.elements);
  total.nnz += row.nnz;
  add_to(total.dense_bytes, row.dense_bytes);
  total.csr_bytes += row.csr_bytes;
  add_to(total.dense_flops, row.dense_flops);
  total.csr_flops += row.csr_flops;
  total.last_change.changes += row.last_change.changes;
  total.last_change.kept += row.last_change.kept;
  total.last_change.dropped += row.last_change.dropped;
  total.last_change.grown += row.last_change.grown;
  total.dead_rows += row.dead_rows;
  total.dead_cols += row.dead_cols;
  if (total.explored && row.explored) {
    *total.explored += *row.explored;
  } else {
    total.explored.reset();
  }
}

std::vector<std::string> cells(const SummaryRow& row) {
  const auto explored = row.explored_share();
  return {row.name,
          row.shape ? row.shape->to_string() : "",
          rt::percent(row.sparsity(), 2),
          std::to_string(row.nnz),
          rt::kib(row.csr_bytes),
          rt::kib(row.dense_bytes),
          std::to_string(row.csr_flops),
          std::to_string(row.dense_flops),
          rt::percent(row.dropped_share()),
          rt::percent(row.grown_share()),
          std::to_string(row.dead_rows),
          std::to_string(row.dead_cols),
          explored ? rt::percent(*explored, 2) : "-"};
}

std::string to_json(const SummaryRow& row, int indent) {
  std::vector<std::pair<std::string_view, std::string>> members;
  if (row.shape) {
    std::vector<std::string> shape;
    for (const int64_t dim : *row.shape) shape.push_back(rt::json_text(dim));
    members.emplace_back("name", rt::json_text(row.name));
    members.emplace_back("shape", rt::json_list(shape, indent + 2));
  }
  const auto add = [&](std::string_view key, auto number) { members.emplace_back(key, rt::json_text(number)); };
  add("elements", row.elements);
  add("nnz", row.nnz);
  add("sparsity", row.sparsity());
  add("dense_bytes", row.dense_bytes);
  add("csr_bytes", row.csr_bytes);
  add("dense_flops", row.dense_flops);
  add("csr_flops", row.csr_flops);
  add("dropped_share", row.dropped_share());
  add("grown_share", row.grown_share());
  add("dead_rows", row.dead_rows);
  add("dead_cols", row.dead_cols);
  if (const auto explored = row.explored_share()) add("explored_share", *explored);
  return rt::json_object(members, indent);
}

}  // namespace

double SummaryRow::sparsity() const { return elements == 0 ? 0 : 1 - share(nnz, elements); }
double SummaryRow::dropped_share() const { return share(last_change.dropped, last_change.kept + last_change.dropped); }
double SummaryRow::grown_share() const { return share(last_change.grown, last_change.kept + last_change.grown); }
std::optional<double> SummaryRow::explored_share() const {
  if (!explored) return std::nullopt;
  return elements == 0 ? 0 : *explored / static_cast<double>(elements);
}

SparsitySummary::SparsitySummary(const std::vector<Parameter>& parameters, const InTimeOverParameterization* itop) {
  total_.name = "total";
  if (itop != nullptr) total_.explored = 0;
  for (const Parameter& p : parameters) {
    rows_.push_back(row_of(p, itop));
    add(total_, rows_.back());
  }
}

std::string SparsitySummary::table() const {
  std::vector<std::vector<std::string>> table = {
      {"parameter", "shape", "sparsity", "nnz", "CSR", "dense", "CSR FLOPs", "dense FLOPs", "dropped", "grown",
       "dead rows", "dead cols", "explored"},
      {}};
  for (const SummaryRow& row : rows_) table.push_back(cells(row));
  table.push_back(cells(total_));
  return rt::format_table(table);
}

std::string SparsitySummary::json() const {
  std::vector<std::string> parameters;
  for (const SummaryRow& row : rows_) parameters.push_back(to_json(row, 6));
  return rt::json_object({{"parameters", rt::json_list(parameters, 4)}, {"total", to_json(total_, 4)}}, 2);
}

}  // namespace gossamer::sparse
