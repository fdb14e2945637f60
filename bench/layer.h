// What is measured: the products of a layer, and the layouts of its batch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gossamer::bench {

// Y[n, m] = X[n, k] Wᵀ, with W [m, k].
struct LayerSize {
  int64_t m, k, n;
  bool operator==(const LayerSize&) const = default;
};
// "1024x768x128"
std::string to_string(const LayerSize& size);

// Step is all three, as a training step runs them.
enum class Kernel { Forward, InputGrad, WeightGrad, Step };
inline constexpr Kernel kKernels[] = {Kernel::Forward, Kernel::InputGrad, Kernel::WeightGrad, Kernel::Step};
std::string_view name(Kernel kernel);

// How the batch lies in memory: row-major [n, features], or in the tiles that CSR layers pass on to one another.
enum class Layout { BatchFirst, Native };
inline constexpr Layout kLayouts[] = {Layout::BatchFirst, Layout::Native};
std::string_view name(Layout layout);

// Whether a layer has as few samples as serving has, where the library's own dense product may be the faster one.
bool has_few_samples(const LayerSize& size);

// Floating-point operations of a dense product of this size; a sparse one does the density's share of them.
double dense_flop(const LayerSize& size, Kernel kernel);

}  // namespace gossamer::bench
