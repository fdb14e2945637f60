// Parameter: what a module trains. Dense, or CSR: a pattern and the values of its nonzeros.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/tensor.h"

// Internal; before the pragma, so that the library does not export them.
namespace gossamer {
struct ParameterAccess;
class ParameterSnapshot;
class PreparedChange;
}  // namespace gossamer

#pragma GCC visibility push(default)
namespace gossamer {

// A new pattern, and for each of its slots the slot of the old pattern that it continues, or -1 for a new connection.
// Without a source, positions of both patterns continue; it is then found when the change is applied, so that a change
// that waits holds no more than its pattern. The only way to change sparsity. The slots of a dense parameter are its
// elements, row-major.
struct TopologyChange {
  std::shared_ptr<const CsrPattern> pattern;
  std::vector<int64_t> source = {};

  // The change with its source: positions that both patterns have continue, all others are new. Time and memory are
  // linear in the nonzeros.
  static TopologyChange between(const CsrPattern& from, std::shared_ptr<const CsrPattern> to);
};

// What the last change of a parameter's pattern did, in connections.
struct ChangeCounts {
  int64_t changes = 0;  // of the pattern so far, this one included
  int64_t kept = 0;
  int64_t dropped = 0;
  int64_t grown = 0;
};

// A shared handle: copies name the same parameter. Of its two storages exactly one is in use:
//   dense  values() is the tensor itself, any shape
//   CSR    values() is 1-D with nnz elements in slot order; pattern() says
//   where they are in as_matrix(shape())
// values() is the leaf of the graph in both, so its gradient has nnz elements in the second.
class Parameter {
 public:
  // Undefined.
  Parameter() = default;
  // Dense. `value` must be f32 or f64 (DTypeError); it is taken over, not copied.
  explicit Parameter(const Tensor& value, std::string name = "");
  // CSR from the start: no dense form ever exists. `values` holds pattern->nnz() elements in slot order.
  static Parameter csr(const Shape& shape, std::shared_ptr<const CsrPattern> pattern, const Tensor& values,
                       std::string name = "");

  bool defined() const { return state_ != nullptr; }
  // Whether both handles name one parameter.
  bool operator==(const Parameter& other) const { return state_ == other.state_; }
  // Stays the same for the parameter's life: a key for maps.
  const void* id() const { return state_.get(); }

  const std::string& name() const;
  void set_name(std::string name) const;
  const Shape& shape() const;
  DType dtype() const { return values().dtype(); }
  // Elements of the dense shape, and of the storage.
  int64_t numel() const { return shape().numel(); }
  int64_t nnz() const { return values().numel(); }
  double sparsity() const;

  bool is_csr() const { return pattern() != nullptr; }
  // Null when dense.
  const std::shared_ptr<const CsrPattern>& pattern() const;
  // The pattern as stored, or the full one of a dense parameter.
  std::shared_ptr<const CsrPattern> topology() const;
  // In slot order, which is unspecified.
  Tensor values() const;
  // Copies in row-major order of the nonzeros, [nnz], without history; the second is undefined before backward.
  Tensor canonical_values() const;
  Tensor canonical_grad() const;

  bool requires_grad() const { return values().requires_grad(); }
  void set_requires_grad(bool requires_grad) const;
  // Sparsity algorithms leave a parameter with requires_dense alone.
  bool requires_dense() const;
  void set_requires_dense(bool requires_dense = true) const;

  // How linear() computes with it while it is CSR; Execution::Auto unless set. Execution::Dense computes densely from
  // CSR storage, and is no measure of a dense layer: p.assign(p.dense(), nullptr) makes one to compare with.
  Execution execution() const;
  void set_execution(Execution execution) const;

  // Aligned with values(); undefined before backward.
  Tensor grad() const { return values().grad(); }
  // Also drops what was retained for growth.
  void zero_grad() const;

  // The parameter as a dense tensor in the graph, for operations without a CSR kernel: of a dense parameter the tensor
  // itself, of a CSR one a recorded scatter that lives no longer than the graph.
  Tensor tensor() const;

  // Dense copies on request, without history: the elements (0 where pruned), and a boolean mask of what is kept.
  Tensor dense() const;
  Tensor mask() const;

  // Takes up a new pattern: values, gradient and every slot array move with it. No pattern (StateError), a pattern of
  // another size, or a `source` of wrong length or range (ShapeError, ConfigError) throw before anything changes.
  void apply(const TopologyChange& change) const;
  // Throws what apply() would, and changes nothing.
  void check(const TopologyChange& change) const;
  // Throws StateError unless values, gradient and slot arrays have the sizes that the pattern says. O(1): every step
  // of an optimizer begins with it.
  void validate() const;
  // Replaces pattern and elements, as a checkpoint does: `pattern` null makes it dense. `dense` has the parameter's
  // shape and dtype (ShapeError, DTypeError). The gradient is cleared; slot arrays of survivors stay.
  void assign(const Tensor& dense, std::shared_ptr<const CsrPattern> pattern) const;
  // The same from the values of the pattern's nonzeros, [nnz] in row-major order: nothing dense is made. StateError
  // without a pattern.
  void assign_canonical(const Tensor& values, std::shared_ptr<const CsrPattern> pattern) const;

  // All 0 as long as the pattern did not change. Becoming CSR is the first change.
  const ChangeCounts& last_change() const;

  // Of a CSR parameter: products in forward, and the gradient of their input, use the connections of `subset` alone,
  // while the gradient of values() still covers all. Null, and every change of the pattern, undo it. Throws StateError
  // when the parameter is dense, ShapeError for another size, ConfigError for a connection that pattern() has not.
  void set_forward_pattern(const std::shared_ptr<const CsrPattern>& subset) const;
  // Null where forward uses all connections.
  std::shared_ptr<const CsrPattern> forward_pattern() const;

  // A parameter with copies of pattern, values and flags, and no gradient.
  Parameter clone() const;

  // Bytes held: values, pattern with its plans (0 when dense), gradient.
  int64_t value_bytes() const { return values().bytes(); }
  int64_t index_bytes() const;
  int64_t grad_bytes() const { return grad().bytes(); }

  // A line such as "fc1.weight: f32 [300, 784], CSR with 23520 nonzeros (sparsity 90.00 %)" or "fc1.bias: f32 [300],
  // dense".
  std::string to_string() const;

 private:
  friend struct ParameterAccess;
  friend class PreparedChange;
  friend class ParameterSnapshot;

  struct State;
  explicit Parameter(std::shared_ptr<State> state);
  void check_defined(const char* op) const;

  std::shared_ptr<State> state_;
};

// Writes to_string().
std::ostream& operator<<(std::ostream& out, const Parameter& parameter);

}  // namespace gossamer
#pragma GCC visibility pop
