// What the ratio program found out, and what follows from it: geometric means and crossovers.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/layer.h"

namespace gossamer::bench {

inline constexpr std::string_view kOwnLibrary = "gossamer";

// What is compared with dense products, apart from shape and sparsity.
struct Series {
  Kernel kernel;
  Layout layout;
  int threads;
  std::string library{kOwnLibrary};
  bool few_samples = false;  // has_few_samples()
  bool operator==(const Series&) const = default;
};

struct Ratio {
  Series series;
  LayerSize size;
  double sparsity;
  double sparse_s;  // medians
  double dense_s;
  double ratio() const { return dense_s / sparse_s; }
};

struct GeometricMean {
  Series series;
  double sparsity;
  double ratio;
};

// The sparsity from which the geometric mean stays at 1 or above, linear between the measured points; the lowest
// measured one when it is so everywhere, none when it ends below 1.
struct Crossover {
  Series series;
  std::optional<double> sparsity;
};

// Over the sizes, one for each series and sparsity, in the order of first appearance of the series and by sparsity.
std::vector<GeometricMean> geometric_means(std::span<const Ratio> ratios);
std::vector<Crossover> crossovers(std::span<const GeometricMean> means);

}  // namespace gossamer::bench
