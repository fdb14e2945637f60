#include "bench/layer.h"

#include <fmt/format.h>

#include "ops/dense_products.h"

namespace gossamer::bench {

std::string to_string(const LayerSize& size) { return fmt::format("{}x{}x{}", size.m, size.k, size.n); }

std::string_view name(Kernel kernel) {
  switch (kernel) {
    case Kernel::Forward:
      return "forward";
    case Kernel::InputGrad:
      return "input_grad";
    case Kernel::WeightGrad:
      return "weight_grad";
    case Kernel::Step:
      break;
  }
  return "step";
}

std::string_view name(Layout layout) { return layout == Layout::BatchFirst ? "batch_first" : "native"; }

bool has_few_samples(const LayerSize& size) { return size.n <= kFewSamples; }

double dense_flop(const LayerSize& size, Kernel kernel) {
  const double one = 2.0 * static_cast<double>(size.m) * static_cast<double>(size.k) * static_cast<double>(size.n);
  return kernel == Kernel::Step ? 3 * one : one;
}

}  // namespace gossamer::bench
