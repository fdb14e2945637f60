#include "gossamer/tensor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "gossamer/dispatch.h"
#include "runtime/blocks.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "tensor/convert.h"
#include "tensor/layout.h"
#include "tensor/storage.h"
#include "tensor/tensor_access.h"

namespace gossamer {

namespace {

template <class T>
void copy_parallel(const T* from, T* to, int64_t n) {
  rt::parallel_chunks(n, 4 * rt::kElementGrain, [&](int64_t begin, int64_t end) {
    std::memcpy(to + begin, from + begin, static_cast<size_t>(end - begin) * sizeof(T));
  });
}

}  // namespace

Tensor Tensor::empty(const Shape& shape, DType dtype) {
  if (shape.numel() > std::numeric_limits<int64_t>::max() / dtype_size(dtype)) {
    fail<ShapeError>("Tensor::empty", "the number of bytes must fit 63 bits", shape.to_string());
  }
  // Of rank 1 are the values, gradients and states of CSR parameters: large, and not to be held twice while a pattern
  // changes. Activations are what comes again in the next step.
  const auto memory = shape.rank() >= 2 ? Storage::Memory::Kept : Storage::Memory::Returned;
  return TensorAccess::on(
      std::allocate_shared<Storage>(BlockAllocator<Storage>(), shape.numel() * dtype_size(dtype), memory), shape,
      dtype);
}

Tensor Tensor::zeros(const Shape& shape, DType dtype) {
  Tensor t = empty(shape, dtype);
  std::memset(t.storage_->bytes(), 0, static_cast<size_t>(t.bytes()));
  return t;
}

Tensor Tensor::full(const Shape& shape, double value, DType dtype) {
  Tensor t = empty(shape, dtype);
  t.fill(value);
  return t;
}

template <Element T>
Tensor Tensor::from(std::span<const T> values, const Shape& shape) {
  if (static_cast<int64_t>(values.size()) != shape.numel()) {
    fail<ShapeError>("Tensor::from", "the values must fill the shape",
                     fmt::format("{} values for {}", values.size(), shape.to_string()));
  }
  Tensor t = empty(shape, dtype_of<T>);
  std::copy(values.begin(), values.end(), reinterpret_cast<T*>(t.storage_->bytes()));
  return t;
}

Tensor Tensor::from(std::initializer_list<double> values, const Shape& shape) {
  return from(std::vector<float>(values.begin(), values.end()), shape);
}

template <Element T>
Tensor Tensor::wrap(T* data, const Shape& shape, std::shared_ptr<void> owner) {
  constexpr const char* kOp = "Tensor::wrap";
  if (data == nullptr && shape.numel() > 0) {
    fail<ConfigError>(kOp, "there must be memory for the elements", fmt::format("null for {}", shape.to_string()));
  }
  if (reinterpret_cast<uintptr_t>(data) % alignof(T) != 0) {
    fail<ConfigError>(kOp, fmt::format("the memory must be aligned to {} bytes", alignof(T)),
                      fmt::format("{}", static_cast<const void*>(data)), "copy it with Tensor::from");
  }
  if (shape.numel() == 0) return empty(shape, dtype_of<T>);
  const int64_t bytes = shape.numel() * dtype_size(dtype_of<T>);
  return TensorAccess::on(std::allocate_shared<Storage>(BlockAllocator<Storage>(), reinterpret_cast<std::byte*>(data),
                                                        bytes, std::move(owner)),
                          shape, dtype_of<T>);
}

int64_t Tensor::dim(int index) const {
  const int i = index < 0 ? index + rank() : index;
  if (i < 0 || i >= rank()) {
    fail<ShapeError>("Tensor::dim", fmt::format("the index must be within rank {}", rank()), fmt::format("{}", index));
  }
  return shape_[i];
}

template <Element T>
const T* Tensor::data() const {
  if (!defined()) fail<StateError>("Tensor::data", "the tensor must be defined", "an undefined tensor");
  if (dtype_ != dtype_of<T>) {
    fail<DTypeError>("Tensor::data", fmt::format("the element type is {}", dtype_name(dtype_)),
                     fmt::format("{} was asked for", dtype_name(dtype_of<T>)), "convert with .to(dtype)");
  }
  return reinterpret_cast<const T*>(storage_->bytes()) + offset_;
}

template <Element T>
T* Tensor::mutable_data() {
  std::as_const(*this).data<T>();  // refuses what cannot be written, before anything changes
  return reinterpret_cast<T*>(storage_->open_rows()) + offset_;
}

template <Element T>
T Tensor::item() const {
  if (numel() != 1) {
    fail<ShapeError>("Tensor::item", "the tensor must have one element",
                     defined() ? shape_.to_string() : "an undefined tensor");
  }
  return dispatch_all(dtype_, [&]<class S>() { return convert<T>(*data<S>()); });
}

Tensor Tensor::view_at(std::initializer_list<int64_t> index) const {
  constexpr const char* kOp = "Tensor::at";
  if (std::ssize(index) != rank()) {
    fail<ShapeError>(
        kOp, fmt::format("there must be {} positions, one for each dimension of {}", rank(), shape_.to_string()),
        fmt::format("{}", index.size()));
  }
  int64_t offset = 0;
  int dim = 0;
  for (const int64_t given : index) {
    const int64_t size = shape_[dim];
    if (given < -size || given >= size) {
      fail<IndexError>(kOp, fmt::format("position {} must be within [-{}, {})", dim, size, size),
                       fmt::format("{} in {}", given, shape_.to_string()));
    }
    offset = offset * size + (given < 0 ? given + size : given);
    ++dim;
  }
  return alias({}, offset);
}

Tensor Tensor::clone() const {
  if (!defined()) return {};
  if (const Layout layout = Layout::of(*this); layout.is_tiled()) {
    Tensor t = layout.empty(shape_, dtype_);
    const ConstBatch<float> tiles = layout.read<float>(*this);
    copy_parallel(tiles.data, layout.write<float>(t).data, tiles.padded());
    return t;
  }
  Tensor t = empty(shape_, dtype_);
  t.copy_from(*this);
  return t;
}

Tensor Tensor::to(DType dtype) const {
  if (dtype == dtype_) return *this;
  Tensor t = empty(shape_, dtype);
  dispatch_all(dtype_, [&]<class S>() {
    dispatch_all(dtype, [&]<class D>() {
      const S* const source = data<S>();
      D* const to = t.mutable_data<D>();
      rt::parallel_chunks(numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
        std::transform(source + begin, source + end, to + begin, convert<D, S>);
      });
    });
  });
  return t;
}

Tensor Tensor::alias(const Shape& shape, int64_t offset) const {
  if (!defined()) return {};
  if (offset < 0 || shape.numel() > numel() - offset) {
    fail<ShapeError>("Tensor::alias", "a view must lie within its tensor",
                     fmt::format("{} at {} of {}", shape.to_string(), offset, shape_.to_string()));
  }
  Tensor t;
  t.storage_ = storage_;
  t.shape_ = shape;
  t.offset_ = offset_ + offset;
  t.dtype_ = dtype_;
  return t;
}

void Tensor::copy_from(const Tensor& source) {
  if (source.shape() != shape_) {
    fail<ShapeError>("Tensor::copy_from", fmt::format("the source must have shape {}", shape_.to_string()),
                     source.shape().to_string());
  }
  const int64_t distance = std::abs(source.offset_ - offset_);
  if (shares_storage_with(source) && distance > 0 && distance < numel()) return copy_from(source.clone());
  dispatch_all(dtype_, [&]<class T>() {
    const T* from = source.data<T>();
    T* to = mutable_data<T>();
    if (from != to) copy_parallel(from, to, numel());
  });
}

void Tensor::fill(double value) {
  dispatch_all(dtype_, [&]<class T>() { std::fill_n(mutable_data<T>(), numel(), convert<T>(value)); });
}

bool Tensor::owns_storage_alone() const { return storage_.use_count() == 1 && !storage_->is_borrowed(); }

uint64_t Tensor::version() const { return defined() ? storage_->version() : 0; }

#define GOSSAMER_TENSOR_OF(T)                                               \
  template Tensor Tensor::from<T>(std::span<const T>, const Shape&);        \
  template Tensor Tensor::wrap<T>(T*, const Shape&, std::shared_ptr<void>); \
  template const T* Tensor::data<T>() const;                                \
  template T* Tensor::mutable_data<T>();                                    \
  template T Tensor::item<T>() const;
GOSSAMER_TENSOR_OF(float)
GOSSAMER_TENSOR_OF(double)
GOSSAMER_TENSOR_OF(int64_t)
GOSSAMER_TENSOR_OF(int32_t)
GOSSAMER_TENSOR_OF(bool)
#undef GOSSAMER_TENSOR_OF

}  // namespace gossamer
