#include "bench/ratios.h"

#include <algorithm>
#include <cmath>

namespace gossamer::bench {

std::vector<GeometricMean> geometric_means(std::span<const Ratio> ratios) {
  struct Sum {
    Series series;
    double sparsity;
    double logs = 0;
    int count = 0;
  };
  std::vector<Series> order;
  std::vector<Sum> sums;
  for (const Ratio& r : ratios) {
    if (std::ranges::find(order, r.series) == order.end()) order.push_back(r.series);
    auto sum =
        std::ranges::find_if(sums, [&](const Sum& s) { return s.series == r.series && s.sparsity == r.sparsity; });
    if (sum == sums.end()) sum = sums.insert(sum, {r.series, r.sparsity});
    sum->logs += std::log(r.ratio());
    ++sum->count;
  }
  std::ranges::stable_sort(sums, [&](const Sum& a, const Sum& b) {
    const auto place_a = std::ranges::find(order, a.series), place_b = std::ranges::find(order, b.series);
    return place_a != place_b ? place_a < place_b : a.sparsity < b.sparsity;
  });
  std::vector<GeometricMean> means;
  for (const Sum& s : sums) means.push_back({s.series, s.sparsity, std::exp(s.logs / s.count)});
  return means;
}

std::vector<Crossover> crossovers(std::span<const GeometricMean> means) {
  std::vector<Crossover> found;
  for (auto begin = means.begin(); begin != means.end();) {
    const auto end =
        std::find_if(begin, means.end(), [&](const GeometricMean& m) { return m.series != begin->series; });
    auto from = end;  // the first of the points that stay at 1 or above
    while (from != begin && (from - 1)->ratio >= 1) --from;
    Crossover crossover{begin->series, std::nullopt};
    if (from == begin) {
      crossover.sparsity = from->sparsity;
    } else if (from != end) {
      const GeometricMean& below = *(from - 1);
      const double part = (1 - below.ratio) / (from->ratio - below.ratio);
      crossover.sparsity = below.sparsity + part * (from->sparsity - below.sparsity);
    }
    found.push_back(crossover);
    begin = end;
  }
  return found;
}

}  // namespace gossamer::bench
