// Activation functions.
#include <cstdint>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/ops.h"
#include "kernels/elementwise.h"
#include "kernels/reference/elementwise.h"
#include "ops/broadcast.h"
#include "ops/check.h"

namespace gossamer {

namespace {

void run_relu(int64_t n, const float* x, float* y) { kernels::relu(n, x, y); }
void run_relu(int64_t n, const double* x, double* y) { kernels::reference::relu(n, x, y); }

void run_relu_backward(int64_t n, const float* y, const float* dy, float* dx) { kernels::relu_backward(n, y, dy, dx); }
void run_relu_backward(int64_t n, const double* y, const double* dy, double* dx) {
  kernels::reference::relu_backward(n, y, dy, dx);
}

}  // namespace

Tensor relu(const Tensor& x) {
  // Saves the output, which a following layer saves as its input anyway; it is positive exactly where x is.
  struct ReluNode final : Node {
    SavedTensor y;
    explicit ReluNode(const Tensor& y_) : y(*this, y_) {}

    std::vector<Tensor> backward(const Tensor& grad) override {
      return {zip_runs("relu", y.get(), grad,
                       [](int64_t n, const auto* v, const auto* g, auto* out) { run_relu_backward(n, v, g, out); })};
    }
  };

  check_floating("relu", x);
  const Tensor y = map_runs("relu", x, [](int64_t n, const auto* from, auto* to) { run_relu(n, from, to); });
  return record<ReluNode>("relu", y, {x}, y);
}

}  // namespace gossamer
