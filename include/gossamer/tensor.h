// Tensor: a value handle on shared, 64-byte aligned storage.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/dtype.h"
#include "gossamer/lifetimebound.h"
#include "gossamer/shape.h"

#pragma GCC visibility push(default)
namespace gossamer {

class Storage;

// The element type of what can be seen as a span: vectors, std::array, C arrays, spans.
template <class Values>
using SpanElement = typename decltype(std::span(std::declval<const Values&>()))::value_type;

namespace autograd {
struct Meta;
}

// Copying a Tensor copies the handle: both see the same elements, and the same gradient. Reading is thread-safe;
// writing is the caller's to synchronize. An operation may leave its result in an order of its own: the elements are
// row-major and contiguous from the first call of data() on, which may therefore allocate, on any thread.
class Tensor {
 public:
  // An undefined tensor: no shape, no elements; defined() is false.
  Tensor() = default;

  // Elements are uninitialized.
  static Tensor empty(const Shape& shape, DType dtype = DType::f32);
  static Tensor zeros(const Shape& shape, DType dtype = DType::f32);
  static Tensor ones(const Shape& shape, DType dtype = DType::f32) { return full(shape, 1, dtype); }
  static Tensor full(const Shape& shape, double value, DType dtype = DType::f32);
  // Copies `values`, which must hold shape.numel() elements (ShapeError). The dtype is that of T.
  template <Element T>
  static Tensor from(std::span<const T> values, const Shape& shape);
  template <Element T>
  static Tensor from(std::initializer_list<T> values, const Shape& shape) {
    return from(std::span<const T>(values.begin(), values.size()), shape);
  }
  // Contiguous memory in any form: std::vector (but that of bool), std::array, a C array, a span.
  template <class Values>
  requires Element<SpanElement<Values>>
  static Tensor from(const Values& values, const Shape& shape) {
    return from(std::span<const SpanElement<Values>>(values), shape);
  }

  // Literals such as from({1.0, 2.0}) are f32, as everything else where no dtype is said: f64 is from<double>.
  static Tensor from(std::initializer_list<double> values, const Shape& shape);
  // A vector, [n]: from({1.0, 2.0}), from({3, 1}) (i32), from<double>({1.0, 2.0}), from(std::vector<float>...).
  static Tensor from(std::initializer_list<double> values) { return from(values, {std::ssize(values)}); }
  template <Element T>
  static Tensor from(std::initializer_list<T> values) {
    return from<T>(values, {std::ssize(values)});
  }
  template <Element T>
  static Tensor from(std::span<const T> values) {
    return from(values, {std::ssize(values)});
  }
  template <class Values>
  requires Element<SpanElement<Values>>
  static Tensor from(const Values& values) { return from(std::span<const SpanElement<Values>>(values)); }
  // A tensor on memory of the caller: shape.numel() row-major elements at `data`, which must be aligned as T is
  // (ConfigError; null for no elements alone). Nothing is copied: what is written to the tensor, by an optimizer for
  // one, is written there. `owner` lives as long as any tensor on the memory; without one the caller sees to it.
  template <Element T>
  static Tensor wrap(T* data, const Shape& shape, std::shared_ptr<void> owner = nullptr);

  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const GOSSAMER_LIFETIMEBOUND { return shape_; }
  int rank() const { return shape_.rank(); }
  int64_t dim(int index) const;  // negative counts from the end; throws ShapeError outside
  int64_t numel() const { return defined() ? shape_.numel() : 0; }
  DType dtype() const { return dtype_; }
  int64_t bytes() const { return numel() * dtype_size(dtype_); }

  // The elements, row-major. Throws DTypeError when T is not the element type, StateError when undefined.
  template <Element T>
  const T* data() const GOSSAMER_LIFETIMEBOUND;
  // The same for writing: marks the storage as written, so that a graph that saved it refuses to run backward.
  template <Element T>
  T* mutable_data() GOSSAMER_LIFETIMEBOUND;
  // Not of a temporary, which may be the last to hold its memory: name the tensor, or take to_vector().
  template <Element T>
  std::span<const T> span() const& GOSSAMER_LIFETIMEBOUND {
    return {data<T>(), static_cast<size_t>(numel())};
  }
  template <Element T>
  std::span<const T> span() const&& = delete;
  // A copy of the elements, row-major; throws as data().
  template <Element T>
  std::vector<T> to_vector() const {
    const T* const first = data<T>();
    return std::vector<T>(first, first + numel());
  }
  // The only element of a tensor of one element (ShapeError otherwise), converted to T as by to().
  template <Element T>
  T item() const;
  // One element, as by item(); negative positions count from the end: x.at(1, -1). Throws ShapeError for another number
  // of positions than rank(), IndexError outside. For loops over many elements span() is the way.
  template <Element T = double, std::integral... Index>
  T at(Index... index) const {
    return view_at({static_cast<int64_t>(index)...}).template item<T>();
  }
  // Dtype, shape and elements, such as "f32 [2, 2]\n[[1, 2.5],\n [3, nan]]", each with the fewest digits that read back
  // as the same number. Of more than 1000 elements the first and last three along each dimension are shown.
  std::string to_string() const;

  // A new tensor with its own storage and no history.
  Tensor clone() const;
  // A copy with another element type (itself when the type is the same), no history. To bool is `!= 0`. To an integer
  // cuts the fraction off; what is out of range becomes the nearest integer that the type holds, NaN becomes 0.
  Tensor to(DType dtype) const;
  // A view on the same storage without history: `shape` at `offset` elements from the first of this tensor.
  Tensor alias(const Shape& shape, int64_t offset = 0) const;
  // Writes the elements of `source` (same shape and dtype) into this storage. The two may overlap: the elements are
  // those of the source before the call.
  void copy_from(const Tensor& source);
  // Every element becomes `value`, converted as by to().
  void fill(double value);

  // Number of times that the storage was opened for writing.
  uint64_t version() const;
  bool shares_storage_with(const Tensor& other) const { return storage_ == other.storage_; }
  // No other tensor, graph or view holds this storage, nor does the caller of wrap().
  bool owns_storage_alone() const;

  // ---- Gradients (defined by the autograd layer, see autograd.h) ----

  bool requires_grad() const;
  // Makes a leaf record operations from here on. Floating dtypes only (DTypeError); StateError on a computed tensor.
  Tensor& set_requires_grad(bool requires_grad = true);
  // The accumulated gradient of a leaf; undefined before backward().
  Tensor grad() const;
  // Replaces the gradient (an undefined tensor clears it). Shape and dtype must match. It is copied, unless it is moved
  // here and nothing else holds its storage: what is done to the gradient never reaches a tensor of the caller.
  void set_grad(Tensor grad) const;
  // Adds d(this)/d(leaf) to the gradient of every leaf that this tensor was computed from. Without an argument the
  // tensor must have one element. The graph is released; a second backward through it, one over tensors written since,
  // or one that a node calls during backward, throws StateError. What throws has changed no gradient; where a node or
  // an allocation failed on the way, the graph is released and the loss must be computed again.
  void backward() const;
  void backward(const Tensor& grad) const;
  // The same elements without history.
  Tensor detach() const { return alias(shape_); }

 private:
  friend struct TensorAccess;

  // The element at a position, as a view of shape [].
  Tensor view_at(std::initializer_list<int64_t> index) const;

  std::shared_ptr<Storage> storage_;
  std::shared_ptr<autograd::Meta> meta_;
  Shape shape_;
  int64_t offset_ = 0;
  DType dtype_ = DType::f32;
};

// Writes to_string().
std::ostream& operator<<(std::ostream& out, const Tensor& tensor);

}  // namespace gossamer
#pragma GCC visibility pop
