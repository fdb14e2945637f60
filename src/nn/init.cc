#include "gossamer/nn/init.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/random.h"
#include "gossamer/sparse/init_method.h"
#include "runtime/check.h"
#include "runtime/log.h"
#include "runtime/parallel.h"
#include "tensor/dispatch.h"

namespace gossamer::nn::init {

namespace {

thread_local bool skipping = false;

// values[i] = element(position of i), in double.
template <class F>
void fill(const Parameter& p, F&& element) {
  if (skipping) return;
  Tensor values = p.values();
  dispatch_floating(values.dtype(), "init", [&]<class T>() {
    T* to = values.mutable_data<T>();
    if (p.is_csr()) {
      const int64_t cols = p.pattern()->cols();
      p.pattern()->for_each([&](const SlotPosition& at) {
        to[at.slot] = static_cast<T>(element(static_cast<uint64_t>(at.row * cols + at.col)));
      });
      return;
    }
    rt::parallel_chunks(values.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) to[i] = static_cast<T>(element(static_cast<uint64_t>(i)));
    });
  });
}

struct Fans {
  double in;
  double out;
};

Fans fans_of(const char* op, const Parameter& p) {
  const Shape& shape = p.shape();
  if (shape.rank() < 2) {
    fail<ShapeError>(op, "the shape must be [out, in, ...]", shape.to_string(), "use uniform, normal or constant");
  }
  double window = 1;
  for (int i = 2; i < shape.rank(); ++i) window *= static_cast<double>(shape[i]);
  return {static_cast<double>(shape[1]) * window, static_cast<double>(shape[0]) * window};
}

double xavier_std(const char* op, const Parameter& p, const XavierOptions& options) {
  const Fans fans = fans_of(op, p);
  return options.gain * std::sqrt(2 / (fans.in + fans.out));
}

double kaiming_std(const char* op, const Parameter& p, const KaimingOptions& options) {
  const Fans fans = fans_of(op, p);
  const double fan = options.fan == Fan::In ? fans.in : fans.out;
  return std::sqrt(2 / ((1 + options.negative_slope * options.negative_slope) * fan));
}

void uniform_of_std(const Parameter& p, uint64_t key, double std) {
  const double bound = std::numbers::sqrt3 * std;
  uniform(p, key, {.low = -bound, .high = bound});
}

}  // namespace

Parameter make_parameter(const ParameterOptions& options, uint64_t pattern_key) {
  constexpr const char* kOp = "make_parameter";
  const auto sparsity = static_cast<float>(options.sparsity);
  if (!(sparsity >= 0 && sparsity < 1)) {
    fail<ConfigError>(kOp, "sparsity must be at least 0 and below 1", fmt::format("{}", options.sparsity));
  }
  if (sparsity == 0) {
    return Parameter(skipping ? Tensor::empty(options.shape, options.dtype)
                              : Tensor::zeros(options.shape, options.dtype));
  }
  const int64_t numel = options.shape.numel();
  const int64_t kept = skipping ? 0 : sparse::num_kept(sparsity, numel);
  if (kept == 0 && !skipping) {
    rt::warn("make_parameter: sparsity {} leaves a parameter {} without a connection", options.sparsity,
             options.shape.to_string());
  }
  const MatrixSize size = as_matrix(options.shape);
  auto pattern = CsrPattern::from_positions(size.rows, size.cols, sample_without_replacement(pattern_key, numel, kept));
  return Parameter::csr(options.shape, std::move(pattern), Tensor::zeros({kept}, options.dtype));
}

void constant(const Parameter& p, double value) {
  fill(p, [=](uint64_t) { return value; });
}

void uniform(const Parameter& p, uint64_t key, const UniformOptions& options) {
  fill(p, [&](uint64_t i) { return random_uniform(key, i, options.low, options.high); });
}

void normal(const Parameter& p, uint64_t key, const NormalOptions& options) {
  fill(p, [&](uint64_t i) { return options.mean + options.std * random_normal(key, i); });
}

void xavier_uniform(const Parameter& p, uint64_t key, const XavierOptions& options) {
  uniform_of_std(p, key, xavier_std("xavier_uniform", p, options));
}

void xavier_normal(const Parameter& p, uint64_t key, const XavierOptions& options) {
  normal(p, key, {.std = xavier_std("xavier_normal", p, options)});
}

void kaiming_uniform(const Parameter& p, uint64_t key, const KaimingOptions& options) {
  uniform_of_std(p, key, kaiming_std("kaiming_uniform", p, options));
}

void kaiming_normal(const Parameter& p, uint64_t key, const KaimingOptions& options) {
  normal(p, key, {.std = kaiming_std("kaiming_normal", p, options)});
}

Skip::Skip() noexcept : outer_(std::exchange(skipping, true)) {}
Skip::~Skip() { skipping = outer_; }

}  // namespace gossamer::nn::init
