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

// The remaining ones scale by the number of inputs or outputs of a unit (fan) of the dense shape [out, in, ...], where
// further dimensions multiply both. Throw ShapeError for a shape of rank below 2.

struct XavierOptions {
  double gain = 1;
};
// Variance 2 gain^2 / (fan_in + fan_out). Glorot and Bengio 2010, https://proceedings.mlr.press/v9/glorot10a.html
void xavier_uniform(const Parameter& p, uint64_t key, const XavierOptions& options = {});
void xavier_normal(const Parameter& p, uint64_t key, const XavierOptions& options = {});

enum class Fan { In, Out };
struct KaimingOptions {
  double negative_slope = 0;  // of the leaky ReLU that follows; 0 is ReLU
  Fan fan = Fan::In;          // In keeps the variance in forward, Out in backward
};
// Variance 2 / ((1 + negative_slope^2) fan). He et al. 2015, https://arxiv.org/abs/1502.01852
void kaiming_uniform(const Parameter& p, uint64_t key, const KaimingOptions& options = {});
void kaiming_normal(const Parameter& p, uint64_t key, const KaimingOptions& options = {});

// While one lives, the functions above leave values unset on its thread, and CSR parameters without connections: for
// modules whose state is copied over at once (Cloneable).
class Skip {
 public:
  Skip() noexcept;
  ~Skip();
  Skip(const Skip&) = delete;
  Skip& operator=(const Skip&) = delete;

 private:
  bool outer_;
};

}  // namespace gossamer::nn::init
#pragma GCC visibility pop
