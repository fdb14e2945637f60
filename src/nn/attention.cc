#include "gossamer/nn/attention.h"

#include <fmt/format.h>

#include <algorithm>

#include "gossamer/autograd.h"
#include "ops/csr/linear.h"
#include "parameter/access.h"
#include "runtime/check.h"

namespace gossamer::nn {

namespace {

constexpr const char* kOp = "MultiheadAttention";

// kv_heads filled in.
MultiheadAttentionOptions checked(MultiheadAttentionOptions options) {
  if (options.heads < 1 || options.dim < 1 || options.dim % options.heads != 0) {
    fail<ConfigError>(kOp, "dim must be a multiple of heads, both at least 1",
                      fmt::format("dim {}, heads {}", options.dim, options.heads));
  }
  if (options.kv_heads == 0) options.kv_heads = options.heads;
  if (options.kv_heads < 1 || options.heads % options.kv_heads != 0) {
    fail<ConfigError>(kOp, "kv_heads must divide heads",
                      fmt::format("{} of {} heads", options.kv_heads, options.heads));
  }
  if (options.rotary && options.dim / options.heads % 2 != 0) {
    fail<ConfigError>(kOp, "the size of a head must be even for rotary positions",
                      fmt::format("{} / {} = {}", options.dim, options.heads, options.dim / options.heads));
  }
  return options;
}

LinearOptions projection(const MultiheadAttentionOptions& options, int64_t heads) {
  return {.in = options.dim,
          .out = options.dim / options.heads * heads,
          .bias = options.bias,
          .sparsity = options.sparsity,
          .dtype = options.dtype};
}

// x for several projections, of which this is one.
Tensor shared(const Tensor& x, const Linear& projection) {
  const CsrWeight& weight = ParameterAccess::weight(projection.weight());
  return weight.pattern != nullptr ? csr_packed(x, weight) : x;
}

}  // namespace

MultiheadAttention::MultiheadAttention(const MultiheadAttentionOptions& options, Generator& rng)
    : options_(checked(options)),
      proj_q_(projection(options_, options_.heads), rng),
      proj_k_(projection(options_, options_.kv_heads), rng),
      proj_v_(projection(options_, options_.kv_heads), rng),
      proj_output_(projection(options_, options_.heads), rng) {
  register_module("proj_q_dense_layer", proj_q_);
  register_module("proj_k_dense_layer", proj_k_);
  register_module("proj_v_dense_layer", proj_v_);
  register_module("proj_output_dense_layer", proj_output_);
}

Tensor MultiheadAttention::turned(const Tensor& x, int64_t heads, int64_t first_position) const {
  if (!options_.rotary) return x;
  RotaryOptions rotary = *options_.rotary;
  rotary.heads = heads;
  rotary.first_position = first_position;
  return rotary_embedding(x, rotary);
}

Tensor MultiheadAttention::forward(const Tensor& x) { return attend(x, x); }

Tensor MultiheadAttention::attend(const Tensor& x, const Tensor& memory, const Tensor& mask) {
  check_not_moved_from();
  if (!x.defined() || x.rank() != 3 || !memory.defined() || memory.rank() != 3) {
    fail<ShapeError>(kOp, fmt::format("inputs must be [n, rows, {}]", options_.dim),
                     x.defined() && memory.defined()
                         ? fmt::format("{} and {}", x.shape().to_string(), memory.shape().to_string())
                         : "undefined");
  }
  const Tensor for_q = shared(x, proj_q_);
  const Tensor for_kv = &memory == &x ? for_q : shared(memory, proj_k_);
  const Tensor q = turned(proj_q_(for_q), options_.heads, 0);
  const Tensor k = turned(proj_k_(for_kv), options_.kv_heads, 0);
  const Tensor y = scaled_dot_product_attention(
      q, k, proj_v_(for_kv),
      {.causal = options_.causal, .mask = mask, .heads = options_.heads, .kv_heads = options_.kv_heads});
  return proj_output_(y);
}

KeyValueCache MultiheadAttention::make_cache(int64_t n, int64_t capacity) const {
  check_not_moved_from();
  if (n < 1 || capacity < 1) {
    fail<ConfigError>(kOp, "a cache must hold at least 1 sequence of 1 position", fmt::format("{} of {}", n, capacity));
  }
  const Shape shape({n, capacity, options_.dim / options_.heads * options_.kv_heads});
  return {.keys = Tensor::empty(shape, options_.dtype), .values = Tensor::empty(shape, options_.dtype)};
}

namespace {

// Row t of each sequence of x becomes row first + t of the cache.
template <class T>
void append(const Tensor& x, int64_t first, Tensor& cache) {
  const int64_t width = x.dim(2);
  const T* const from = x.data<T>();
  T* const to = cache.mutable_data<T>();
  for (int64_t i = 0; i < x.dim(0); ++i) {
    std::copy_n(from + i * x.dim(1) * width, x.dim(1) * width, to + (i * cache.dim(1) + first) * width);
  }
}

void append(const Tensor& x, int64_t first, Tensor& cache) {
  return x.dtype() == DType::f32 ? append<float>(x, first, cache) : append<double>(x, first, cache);
}

}  // namespace

Tensor MultiheadAttention::forward(const Tensor& x, KeyValueCache& cache) {
  check_not_moved_from();
  if (grad_enabled()) {
    fail<StateError>(kOp, "a cache must be used without gradients", "gradients are enabled", "make a NoGrad first");
  }
  if (!options_.causal) {
    fail<StateError>(kOp, "a cache needs causal attention", "causal = false",
                     "without it earlier positions would see the later ones");
  }
  const int64_t width = options_.dim / options_.heads * options_.kv_heads;
  if (!x.defined() || x.rank() != 3 || !cache.keys.defined() || cache.keys.rank() != 3 ||
      cache.keys.shape() != cache.values.shape() || cache.keys.dim(0) != x.dim(0) || cache.keys.dim(2) != width ||
      cache.length < 0 || cache.length + x.dim(1) > cache.keys.dim(1)) {
    fail<ShapeError>(kOp,
                     fmt::format("x must be [n, t, {}], and the cache have room for t more positions", options_.dim),
                     fmt::format("x {}, {} positions in {}", x.defined() ? x.shape().to_string() : "undefined",
                                 cache.length, cache.keys.defined() ? cache.keys.shape().to_string() : "undefined"));
  }
  const Tensor q = turned(proj_q_(x), options_.heads, cache.length);
  const Tensor k = turned(proj_k_(x), options_.kv_heads, cache.length);
  const Tensor v = proj_v_(x);
  append(k, cache.length, cache.keys);
  append(v, cache.length, cache.values);
  const Tensor y = scaled_dot_product_attention(q, cache.keys, cache.values,
                                                {.causal = true,
                                                 .first_query = cache.length,
                                                 .keys = cache.length + x.dim(1),
                                                 .heads = options_.heads,
                                                 .kv_heads = options_.kv_heads});
  const Tensor result = proj_output_(y);
  cache.length += x.dim(1);
  return result;
}

}  // namespace gossamer::nn
