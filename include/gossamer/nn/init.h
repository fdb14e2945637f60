// Initial values of parameters, dense and CSR.
//
//   const Parameter weight = init::make_parameter({.shape = {out, in}, .sparsity = 0.9}, derive_key(key, "pattern",
//   0)); init::kaiming_uniform(weight, derive_key(key, "weight", 0));
#pragma once

#include <cstdint>

#include "gossamer/dtype.h"
#include "gossamer/parameter.h"
#include "gossamer/shape.h"

#pragma GCC visibility push(default)
namespace gossamer::nn::init {

struct ParameterOptions {
  Shape shape;
  DType dtype = DType::f32;  // f32 or f64
  double sparsity = 0;       // in [0, 1), cast to float32; above 0 the parameter is CSR from the start
};

// A parameter of zeros, without a name: dense, or CSR with int((1 - sparsity) * numel) connections, computed in
// float32, at random positions that are a function of pattern_key. No dense form of a CSR one exists at any time.
// Throws ConfigError for a sparsity out of range, DTypeError unless f32 or f64.
Parameter make_parameter(const ParameterOptions& options, uint64_t pattern_key);

// Each of the following replaces all values of a parameter. The element at position i, row-major in the dense shape, is
// a function of (key, i): a CSR parameter gets what the dense one has at its connections, whatever the number of
// threads.

void constant(const Parameter& p, double value);

struct UniformOptions {
  double low = 0;
  double high = 1;
};
void uniform(const Parameter& p, uint64_t key, const UniformOptions& options = {});

struct NormalOptions {
  double mean = 0;
  double std = 1;
};
void normal(const Parameter& p, uint64_t key, const NormalOptions& options = {});

struct TruncatedNormalOptions {
  double mean = 0;
  double std = 1;  // above 0
  double a = -2;   // bounds of the values themselves, as in torch.nn.init.trunc_normal_
  double b = 2;
};
// The normal distribution given that a <= value <= b. Throws ConfigError for options out of their range.
void truncated_normal(const Parameter& p, uint64_t key, const TruncatedNormalOptions& options = {});

struct OrthogonalOptions {
  double gain = 1;
};
// Rows (or columns, if there are fewer) of [out, rest] that are orthonormal, times gain, uniform among all such
// matrices: Saxe et al. 2014, https://arxiv.org/abs/1312.6120. A CSR parameter gets the elements of the dense matrix at
// its connections, and its rows are then no longer orthogonal. Takes time n^2 m for n the smaller and m the larger of
// the two sizes, and a dense [out, rest] in f64 while it runs, also for a CSR parameter. Throws ShapeError for a shape
// of rank below 2, ConfigError unless gain is finite.
void orthogonal(const Parameter& p, uint64_t key, const OrthogonalOptions& options = {});

// The remaining ones scale by the number of inputs or outputs of a unit (fan) of the dense shape [out, in, ...], where
// further dimensions multiply both. Throw ShapeError for a shape of rank below 2.
//
// With use_mask the fans are those of the mask, unit by unit: an element of a CSR parameter is scaled by the number of
// connections that its output (row of [out, rest]) has, for fan_in, and that its input has, for fan_out. The signal
// then keeps its variance at any sparsity: Evci et al. 2022, https://arxiv.org/abs/2010.03533. A dense parameter has
// all connections. A CSR parameter so initialized is no longer what the dense one has at its connections.

struct XavierOptions {
  double gain = 1;
  bool use_mask = false;
};
// Variance 2 gain^2 / (fan_in + fan_out). Glorot and Bengio 2010, https://proceedings.mlr.press/v9/glorot10a.html
void xavier_uniform(const Parameter& p, uint64_t key, const XavierOptions& options = {});
void xavier_normal(const Parameter& p, uint64_t key, const XavierOptions& options = {});

enum class Fan { In, Out };
struct KaimingOptions {
  double negative_slope = 0;  // of the leaky ReLU that follows; 0 is ReLU
  Fan fan = Fan::In;          // In keeps the variance in forward, Out in backward
  bool use_mask = false;
};
// Variance 2 / ((1 + negative_slope^2) fan). He et al. 2015, https://arxiv.org/abs/1502.01852
void kaiming_uniform(const Parameter& p, uint64_t key, const KaimingOptions& options = {});
void kaiming_normal(const Parameter& p, uint64_t key, const KaimingOptions& options = {});

// While one lives, the functions above leave values unset on its thread, and CSR parameters without connections: for
// modules whose state is copied over at once (Cloneable).
class Skip {
 public:
  [[nodiscard("it acts as long as it lives: give it a name")]] Skip() noexcept;
  ~Skip();
  Skip(const Skip&) = delete;
  Skip& operator=(const Skip&) = delete;

 private:
  bool outer_;
};

}  // namespace gossamer::nn::init
#pragma GCC visibility pop
