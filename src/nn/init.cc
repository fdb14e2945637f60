#include "gossamer/nn/init.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/dispatch.h"
#include "gossamer/random.h"
#include "gossamer/sparse/init_method.h"
#include "kernels/reduce.h"
#include "runtime/check.h"
#include "runtime/log.h"
#include "runtime/parallel.h"

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

// The fans of an element: its output's number of inputs, and its input's number of outputs.
struct Fans {
  double in;
  double out;
};

// The fans of all elements of [out, in, ...]: the same everywhere, or counted in the mask.
class FanTable {
 public:
  FanTable(const char* op, const Parameter& p, bool use_mask) {
    const Shape& shape = p.shape();
    if (shape.rank() < 2) {
      fail<ShapeError>(op, "the shape must be [out, in, ...]", shape.to_string(), "use uniform, normal or constant");
    }
    for (int i = 2; i < shape.rank(); ++i) window_ *= shape[i];
    inputs_ = shape[1];
    dense_ = {static_cast<double>(shape[1]) * static_cast<double>(window_),
              static_cast<double>(shape[0]) * static_cast<double>(window_)};
    if (!use_mask || !p.is_csr()) return;
    of_row_.resize(static_cast<size_t>(shape[0]));
    of_input_.resize(static_cast<size_t>(shape[1]));
    p.pattern()->for_each([&](const SlotPosition& at) {
      ++of_row_[static_cast<size_t>(at.row)];
      ++of_input_[static_cast<size_t>(at.col / window_)];
    });
  }

  // Of the element at this row-major position.
  Fans operator()(uint64_t i) const {
    if (of_row_.empty()) return dense_;
    const uint64_t input = i / static_cast<uint64_t>(window_);
    const auto inputs = static_cast<uint64_t>(inputs_);
    return {static_cast<double>(of_row_[input / inputs]), static_cast<double>(of_input_[input % inputs])};
  }

 private:
  int64_t window_ = 1;
  int64_t inputs_ = 0;
  Fans dense_{};
  std::vector<int64_t> of_row_;
  std::vector<int64_t> of_input_;
};

// Calls f(std_of), where std_of(i) is the standard deviation of the element at position i.
template <class F>
void with_xavier_std(const char* op, const Parameter& p, const XavierOptions& options, F&& f) {
  const FanTable fans(op, p, options.use_mask);
  f([&](uint64_t i) {
    const Fans fan = fans(i);
    return options.gain * std::sqrt(2 / (fan.in + fan.out));
  });
}

template <class F>
void with_kaiming_std(const char* op, const Parameter& p, const KaimingOptions& options, F&& f) {
  const FanTable fans(op, p, options.use_mask);
  const double slope = 1 + options.negative_slope * options.negative_slope;
  f([&](uint64_t i) {
    const Fans fan = fans(i);
    return std::sqrt(2 / (slope * (options.fan == Fan::In ? fan.in : fan.out)));
  });
}

template <class F>
void uniform_of_std(const Parameter& p, uint64_t key, F&& std_of) {
  fill(p, [&](uint64_t i) {
    const double bound = std::numbers::sqrt3 * std_of(i);
    return random_uniform(key, i, -bound, bound);
  });
}

template <class F>
void normal_of_std(const Parameter& p, uint64_t key, F&& std_of) {
  fill(p, [&](uint64_t i) { return std_of(i) * random_normal(key, i); });
}

// The share of the standard normal distribution below z. Keeps its digits for z far below 0.
double normal_share(double z) { return 0.5 * std::erfc(-z * std::numbers::sqrt2 / 2); }

// Where the share of the standard normal distribution below is p in [0, 1/2].
double normal_quantile(double p) {
  if (p <= 0) return -std::numeric_limits<double>::infinity();
  // Abramowitz and Stegun 26.2.23, off by 4.5e-4 at most; each step of Halley's method triples the digits.
  const double t = std::sqrt(-2 * std::log(p));
  double z = (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t;
  for (int step = 0; step < 2; ++step) {
    const double newton = (normal_share(z) - p) * std::sqrt(2 * std::numbers::pi) * std::exp(z * z / 2);
    z -= newton / (1 + newton * z / 2);
  }
  return z;
}

// `count` orthonormal vectors of `size` elements, row after row, from independent ones: Gram and Schmidt, each vector
// twice, since once loses orthogonality where it takes away most of a vector (Giraud et al. 2005,
// https://doi.org/10.1007/s00211-005-0615-4).
void orthonormalize(int64_t count, int64_t size, double* vectors) {
  std::vector<double> shares(static_cast<size_t>(count));
  const int64_t grain = rt::grain_of(size);
  for (int64_t i = 0; i < count; ++i) {
    double* const v = vectors + i * size;
    for (int pass = 0; pass < 2; ++pass) {
      rt::parallel_chunks(i, grain, [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k) {
          shares[static_cast<size_t>(k)] = kernels::dot(size, v, vectors + k * size);
        }
      });
      constexpr int64_t kColumns = 512;
      rt::parallel_chunks(size, kColumns, [&](int64_t begin, int64_t end) {
        for (int64_t k = 0; k < i; ++k) {
          const double share = shares[static_cast<size_t>(k)];
          const double* const other = vectors + k * size;
          for (int64_t c = begin; c < end; ++c) v[c] -= share * other[c];
        }
      });
    }
    const double norm = std::sqrt(kernels::sum_of_squares(size, v));
    for (int64_t c = 0; c < size; ++c) v[c] /= norm;
  }
}

}  // namespace

Parameter make_parameter(const ParameterOptions& options, uint64_t pattern_key) {
  constexpr const char* kOp = "make_parameter";
  const auto sparsity = static_cast<float>(options.sparsity);
  if (!(sparsity >= 0 && sparsity < 1)) {
    fail<ConfigError>(kOp, "sparsity must be at least 0 and below 1", fmt::format("{}", options.sparsity),
                      remedy_of_share(options.sparsity));
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

void truncated_normal(const Parameter& p, uint64_t key, const TruncatedNormalOptions& options) {
  constexpr const char* kOp = "truncated_normal";
  if (!(std::isfinite(options.mean) && options.std > 0 && std::isfinite(options.std))) {
    fail<ConfigError>(kOp, "mean must be finite, std above 0 and finite",
                      fmt::format("mean {}, std {}", options.mean, options.std));
  }
  if (!(options.a <= options.b)) {
    fail<ConfigError>(kOp, "a must not be above b", fmt::format("a {}, b {}", options.a, options.b));
  }
  const double low = (options.a - options.mean) / options.std;
  const double high = (options.b - options.mean) / options.std;
  // The upper half is the lower one mirrored: shares near 1 have no digits left to tell the tail by.
  const bool mirrored = low > 0;
  const double below = normal_share(mirrored ? -high : low);
  const double above = normal_share(mirrored ? -low : high);
  fill(p, [=](uint64_t i) {
    const double share = below + (above - below) * random_double(key, i);
    const double lower = share <= 0.5 ? normal_quantile(share) : -normal_quantile(1 - share);
    return std::clamp(options.mean + options.std * (mirrored ? -lower : lower), options.a, options.b);
  });
}

void orthogonal(const Parameter& p, uint64_t key, const OrthogonalOptions& options) {
  constexpr const char* kOp = "orthogonal";
  if (p.shape().rank() < 2) fail<ShapeError>(kOp, "the shape must be [out, in, ...]", p.shape().to_string());
  if (!std::isfinite(options.gain)) fail<ConfigError>(kOp, "gain must be finite", fmt::format("{}", options.gain));
  if (skipping || p.numel() == 0) return;
  const MatrixSize size = as_matrix(p.shape());
  const bool by_rows = size.rows <= size.cols;
  // Vectors of the longer size, so that a wide matrix is made as it stands.
  const int64_t count = by_rows ? size.rows : size.cols;
  const int64_t length = by_rows ? size.cols : size.rows;
  const auto place = [=](int64_t row, int64_t col) { return by_rows ? row * length + col : col * length + row; };
  std::vector<double> vectors(static_cast<size_t>(p.numel()));
  rt::parallel_chunks(size.rows, rt::grain_of(size.cols), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t col = 0; col < size.cols; ++col) {
        const int64_t i = row * size.cols + col;
        vectors[static_cast<size_t>(place(row, col))] = random_normal(key, static_cast<uint64_t>(i));
      }
    }
  });
  orthonormalize(count, length, vectors.data());
  const auto cols = static_cast<uint64_t>(size.cols);
  fill(p, [&](uint64_t i) {
    return options.gain *
           vectors[static_cast<size_t>(place(static_cast<int64_t>(i / cols), static_cast<int64_t>(i % cols)))];
  });
}

void xavier_uniform(const Parameter& p, uint64_t key, const XavierOptions& options) {
  with_xavier_std("xavier_uniform", p, options, [&](auto std_of) { uniform_of_std(p, key, std_of); });
}

void xavier_normal(const Parameter& p, uint64_t key, const XavierOptions& options) {
  with_xavier_std("xavier_normal", p, options, [&](auto std_of) { normal_of_std(p, key, std_of); });
}

void kaiming_uniform(const Parameter& p, uint64_t key, const KaimingOptions& options) {
  with_kaiming_std("kaiming_uniform", p, options, [&](auto std_of) { uniform_of_std(p, key, std_of); });
}

void kaiming_normal(const Parameter& p, uint64_t key, const KaimingOptions& options) {
  with_kaiming_std("kaiming_normal", p, options, [&](auto std_of) { normal_of_std(p, key, std_of); });
}

Skip::Skip() noexcept : outer_(std::exchange(skipping, true)) {}
Skip::~Skip() { skipping = outer_; }

}  // namespace gossamer::nn::init
