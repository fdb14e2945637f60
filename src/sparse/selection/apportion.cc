#include "sparse/selection/apportion.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <numeric>

namespace gossamer::sparse {

std::vector<int64_t> apportion(int64_t total, const std::vector<double>& weights,
                               const std::vector<int64_t>& capacities) {
  std::vector<int64_t> shares(weights.size());
  total = std::min(total, std::accumulate(capacities.begin(), capacities.end(), int64_t{0}));
  const auto open = [&](size_t i) { return shares[i] < capacities[i]; };
  std::vector<size_t> order(weights.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::greater<>(), [&](size_t i) { return weights[i]; });
  while (total > 0) {
    double sum = 0;
    for (size_t i = 0; i < weights.size(); ++i) sum += open(i) ? weights[i] : 0;
    // Only weights of 0 have room left: they count as equal.
    const auto weight = [&](size_t i) { return sum == 0 ? 1.0 : weights[i]; };
    const double whole = sum == 0 ? static_cast<double>(std::ranges::count_if(order, open)) : sum;
    const auto round = static_cast<double>(total);
    bool capped = false;
    for (size_t i = 0; i < weights.size(); ++i) {
      if (!open(i)) continue;
      const auto share = static_cast<int64_t>(round * (weight(i) / whole));
      const int64_t taken = std::min({share, capacities[i] - shares[i], total});
      capped = capped || taken < share;
      shares[i] += taken;
      total -= taken;
    }
    if (capped) continue;
    for (const size_t i : order) {
      if (total == 0) break;
      if (!open(i)) continue;
      ++shares[i];
      --total;
    }
  }
  return shares;
}

}  // namespace gossamer::sparse
