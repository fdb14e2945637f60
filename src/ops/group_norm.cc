// Group norm. A group is one run of elements of a sample, a channel a part of it with a weight of its own.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/dispatch.h"
#include "gossamer/ops/channel_norm.h"
#include "kernels/channel_norm.h"
#include "ops/check.h"
#include "ops/norm_checks.h"
#include "runtime/check.h"
#include "runtime/parallel.h"

namespace gossamer {

namespace {

constexpr const char* kOp = "group_norm";

// x as [samples, groups, channels of a group, positions], without a size 0.
struct GroupedSize {
  int64_t samples;
  int64_t groups;
  int64_t width;
  int64_t positions;

  int64_t channels() const { return groups * width; }
  // Of a group of a sample.
  int64_t numel() const { return width * positions; }
};

GroupedSize size_of(const Shape& shape, int64_t groups) {
  return {shape[0], groups, shape[1] / groups, axis_of(shape, 1).inner};
}

// f(first, count) for runs of the groups of all samples, about kElementGrain elements each.
template <class F>
void for_groups(const GroupedSize& size, const F& f) {
  const int64_t grain = rt::grain_of(size.numel());
  rt::parallel_chunks(size.samples * size.groups, grain, [&](int64_t begin, int64_t end) { f(begin, end - begin); });
}

// Element k of weight or bias; `otherwise` where there is none.
template <class T>
double element(const T* affine, int64_t k, double otherwise) {
  return affine ? static_cast<double>(affine[k]) : otherwise;
}

struct GroupNormNode final : Node {
  Input x{*this, {&x, &weight, &bias}}, weight{*this, {&x}}, bias{*this};
  int64_t groups;
  SavedTensor statistics;  // f64 [2, samples * groups]: mean and rstd
  GroupNormNode(int64_t groups_, const Tensor& statistics_) : groups(groups_), statistics(*this, statistics_) {}

  Gradients backward(const Tensor& grad) override {
    Tensor dx = Tensor::empty(grad.shape(), grad.dtype());
    Tensor sums = Tensor::zeros({2, grad.dim(1)}, grad.dtype());
    if (grad.numel() > 0) {
      dispatch_floating(grad.dtype(), kOp, [&]<class T>() { gradients<T>(grad, dx, sums); });
    }
    const auto sum_of = [&](const Input& affine, int64_t row) {
      return affine.gradient([&] { return sums.alias(affine.shape(), row * grad.dim(1)); });
    };
    return {x.gradient([&] { return dx; }), sum_of(weight, 0), sum_of(bias, 1)};
  }

 private:
  template <class T>
  void gradients(const Tensor& grad, Tensor& to, Tensor& sums) const {
    const GroupedSize size = size_of(grad.shape(), groups);
    const int64_t channels = size.channels();
    const T* const from = x.value().data<T>();
    const T* const dy = grad.data<T>();
    const T* const w = data_or_null<T>(weight.value());
    const double* const mean = statistics.get().data<double>();
    const double* const rstd = mean + size.samples * size.groups;
    T* const dx = to.mutable_data<T>();
    // Of each channel of each sample: Σ dy and Σ dy (x - mean), and the constants of dx.
    Tensor of_channels = Tensor::empty({2, size.samples * channels}, DType::f64);
    double* const sum = of_channels.mutable_data<double>();
    double* const dot = sum + size.samples * channels;
    Tensor storage = Tensor::empty({4, size.samples * channels}, grad.dtype());
    T* const centers = storage.mutable_data<T>();
    T* const scales = centers + size.samples * channels;
    T* const slopes = scales + size.samples * channels;
    T* const shifts = slopes + size.samples * channels;
    for_groups(size, [&](int64_t first, int64_t count) {
      const int64_t begin = first * size.width;
      const int64_t end = begin + count * size.width;
      const int64_t at = first * size.numel();
      const kernels::Planes planes{.count = end - begin, .length = size.positions, .stride = size.positions};
      for (int64_t k = begin; k < end; ++k) centers[k] = static_cast<T>(mean[k / size.width]);
      kernels::plane_dots(planes, dy + at, from + at, centers + begin, sum + begin, dot + begin);
      for (int64_t group = first; group < first + count; ++group) {
        const double lost = static_cast<double>(centers[group * size.width]) - mean[group];
        double group_sum = 0;
        double group_dot = 0;
        for (int64_t k = group * size.width; k < (group + 1) * size.width; ++k) {
          dot[k] += lost * sum[k];
          const double channel_weight = element(w, k % channels, 1);
          group_sum += channel_weight * sum[k];
          group_dot += channel_weight * dot[k];
        }
        // dx = rstd (weight dy - mean of weight dy - normalized x * mean of weight dy normalized x)
        const double scale = rstd[group] / static_cast<double>(size.numel());
        const double slope = -scale * rstd[group] * rstd[group] * group_dot;
        for (int64_t k = group * size.width; k < (group + 1) * size.width; ++k) {
          scales[k] = static_cast<T>(rstd[group] * element(w, k % channels, 1));
          slopes[k] = static_cast<T>(slope);
          shifts[k] = static_cast<T>(lost * slope - scale * group_sum);
        }
      }
      kernels::plane_grad(planes, dy + at, from + at, centers + begin, scales + begin, slopes + begin, shifts + begin,
                          dx + at);
    });
    T* const totals = sums.mutable_data<T>();
    const int64_t grain = rt::grain_of(size.samples);
    rt::parallel_chunks(channels, grain, [&](int64_t begin, int64_t end) {
      for (int64_t channel = begin; channel < end; ++channel) {
        double weight_sum = 0;
        double bias_sum = 0;
        for (int64_t sample = 0; sample < size.samples; ++sample) {
          const int64_t k = sample * channels + channel;
          weight_sum += dot[k] * rstd[k / size.width];
          bias_sum += sum[k];
        }
        totals[channel] = static_cast<T>(weight_sum);
        totals[channels + channel] = static_cast<T>(bias_sum);
      }
    });
  }
};

template <class T>
void normalize(const GroupedSize& size, double eps, const Tensor& x, const Tensor& weight, const Tensor& bias,
               Tensor& statistics, Tensor& y) {
  const int64_t channels = size.channels();
  const T* const from = x.data<T>();
  const T* const w = data_or_null<T>(weight);
  const T* const b = data_or_null<T>(bias);
  T* const to = y.mutable_data<T>();
  double* const mean = statistics.mutable_data<double>();
  double* const rstd = mean + size.samples * size.groups;
  Tensor constants = Tensor::empty({3, size.samples * channels}, x.dtype());
  T* const centers = constants.mutable_data<T>();
  T* const scales = centers + size.samples * channels;
  T* const shifts = scales + size.samples * channels;
  for_groups(size, [&](int64_t first, int64_t count) {
    const int64_t begin = first * size.width;
    const int64_t at = first * size.numel();
    kernels::plane_moments({.count = count, .length = size.numel(), .stride = size.numel()}, from + at, mean + first,
                           rstd + first);
    for (int64_t group = first; group < first + count; ++group) {
      rstd[group] = 1 / std::sqrt(rstd[group] / static_cast<double>(size.numel()) + eps);
      const double center = static_cast<double>(static_cast<T>(mean[group]));
      for (int64_t k = group * size.width; k < (group + 1) * size.width; ++k) {
        const double scale = rstd[group] * element(w, k % channels, 1);
        centers[k] = static_cast<T>(center);
        scales[k] = static_cast<T>(scale);
        shifts[k] = static_cast<T>(element(b, k % channels, 0) + (center - mean[group]) * scale);
      }
    }
    kernels::plane_affine({.count = count * size.width, .length = size.positions, .stride = size.positions}, from + at,
                          centers + begin, scales + begin, shifts + begin, to + at);
  });
}

}  // namespace

Tensor group_norm(const Tensor& x, int64_t num_groups, const Tensor& weight, const Tensor& bias,
                  const NormalizationOptions& options) {
  check_channels(kOp, x);
  check_eps(kOp, options.eps);
  if (num_groups < 1 || x.dim(1) % num_groups != 0) {
    fail<ConfigError>(kOp, "num_groups must be at least 1 and divide the channels",
                      fmt::format("{} groups, {} channels", num_groups, x.dim(1)));
  }
  check_affine(kOp, "weight", x, weight, {x.dim(1)});
  check_affine(kOp, "bias", x, bias, {x.dim(1)});
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  Tensor statistics;
  if (x.numel() > 0) {
    const GroupedSize size = size_of(x.shape(), num_groups);
    statistics = Tensor::empty({2, size.samples * size.groups}, DType::f64);
    dispatch_floating(x.dtype(), kOp,
                      [&]<class T>() { normalize<T>(size, options.eps, x, weight, bias, statistics, y); });
  }
  return record<GroupNormNode>(kOp, y, {x, weight, bias}, num_groups, statistics);
}

}  // namespace gossamer
