#include "gossamer/nn/batch_norm.h"

#include <fmt/format.h>

#include <type_traits>

#include "gossamer/ops/channel_norm.h"
#include "nn/affine.h"
#include "runtime/check.h"

namespace gossamer::nn {

namespace {

template <class Derived>
constexpr bool kIs1d = std::is_same_v<Derived, BatchNorm1d>;
template <class Derived>
constexpr const char* kName = kIs1d<Derived> ? "BatchNorm1d" : "BatchNorm2d";

}  // namespace

template <class Derived>
BatchNormNd<Derived>::BatchNormNd(const BatchNormNdOptions& options) : options_(options) {
  const Shape shape = channel_shape(kName<Derived>, options.channels);
  check_norm(kName<Derived>, shape, options.eps, options.dtype);
  if (const double momentum = options.momentum.value_or(0); !(momentum >= 0 && momentum <= 1)) {
    fail<ConfigError>(kName<Derived>, "momentum must lie in [0, 1]", fmt::format("{}", momentum));
  }
  if (options.affine) {
    weight_ = affine_parameter(shape, options.dtype, 1);
    bias_ = affine_parameter(shape, options.dtype, 0);
    this->register_parameter("weight", weight_);
    this->register_parameter("bias", bias_);
  }
  running_mean_ = Tensor::zeros(shape, options.dtype);
  running_var_ = Tensor::ones(shape, options.dtype);
  num_batches_tracked_ = Tensor::zeros({}, DType::i64);
  this->register_buffer("running_mean", running_mean_);
  this->register_buffer("running_var", running_var_);
  this->register_buffer("num_batches_tracked", num_batches_tracked_);
}

namespace {

std::string_view remedy_of_rank(bool is_1d, int rank) {
  if (is_1d && rank == 4) return "BatchNorm2d takes images";
  if (!is_1d && (rank == 2 || rank == 3)) return "BatchNorm1d takes what is no image";
  return "";
}

}  // namespace

template <class Derived>
Tensor BatchNormNd<Derived>::forward(const Tensor& x) {
  const bool has_rank = kIs1d<Derived> ? x.rank() == 2 || x.rank() == 3 : x.rank() == 4;
  if (x.defined() && !(has_rank && x.dim(1) == options_.channels)) {
    fail<ShapeError>(kName<Derived>,
                     fmt::format(kIs1d<Derived> ? "x must be [n, {0}] or [n, {0}, length]" : "x must be [n, {}, h, w]",
                                 options_.channels),
                     x.shape().to_string(), remedy_of_rank(kIs1d<Derived>, x.rank()));
  }
  const bool training = this->training();
  const int64_t batches = num_batches_tracked_.item<int64_t>() + 1;
  const Tensor y = batch_norm(x, tensor_of(weight_), tensor_of(bias_),
                              {.running_mean = running_mean_,
                               .running_var = running_var_,
                               .training = training,
                               .momentum = options_.momentum.value_or(1 / static_cast<double>(batches)),
                               .eps = options_.eps});
  if (training) *num_batches_tracked_.mutable_data<int64_t>() = batches;
  return y;
}

template class BatchNormNd<BatchNorm1d>;
template class BatchNormNd<BatchNorm2d>;

}  // namespace gossamer::nn
