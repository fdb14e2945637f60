// Tensors as text.
#include "tensor/format.h"

#include <fmt/format.h>

#include <ostream>
#include <utility>

#include "gossamer/dispatch.h"

namespace gossamer {

namespace {

constexpr int64_t kMaxElements = 1000;  // of a tensor that is shown whole
constexpr int64_t kEdge = 3;            // elements shown at either end of a dimension otherwise

template <class T>
class Printer {
 public:
  explicit Printer(const Tensor& x) : shape_(x.shape()), data_(x.data<T>()), elided_(x.numel() > kMaxElements) {}

  // The part of the tensor under one index of each of the dimensions before `dim`.
  void print(int dim, int64_t offset) {
    if (dim == shape_.rank()) {
      text_ += fmt::format("{}", data_[offset]);
      return;
    }
    const int64_t size = shape_[dim];
    const int64_t stride = Shape(shape_.dims().subspan(static_cast<size_t>(dim) + 1)).numel();
    const bool last = dim + 1 == shape_.rank();
    // Rows stand below each other, matrices with blank lines between them.
    const std::string separator =
        last ? ", " : fmt::format(",{:\n<{}}{: <{}}", "", shape_.rank() - dim - 1, "", dim + 1);
    text_ += '[';
    for (int64_t i = 0; i < size; ++i) {
      if (i > 0) text_ += separator;
      if (elided_ && size > 2 * kEdge && i == kEdge) {
        text_ += "...";
        i = size - kEdge - 1;
        continue;
      }
      print(dim + 1, offset + i * stride);
    }
    text_ += ']';
  }

  std::string take() { return std::move(text_); }

 private:
  const Shape& shape_;
  const T* data_;
  bool elided_;
  std::string text_;
};

}  // namespace

std::string describe(const Tensor& x) {
  return x.defined() ? fmt::format("{} {}", dtype_name(x.dtype()), x.shape().to_string()) : "an undefined tensor";
}

std::string Tensor::to_string() const {
  if (!defined()) return describe(*this);
  if (numel() == 0) return describe(*this) + "\n[]";
  return describe(*this) + "\n" + dispatch_all(dtype_, [&]<class T>() {
           Printer<T> printer(*this);
           printer.print(0, 0);
           return printer.take();
         });
}

std::ostream& operator<<(std::ostream& out, DType dtype) { return out << dtype_name(dtype); }

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) { return out << tensor.to_string(); }

}  // namespace gossamer
