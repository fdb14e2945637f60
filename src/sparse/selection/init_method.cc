#include "gossamer/sparse/init_method.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "config/config_errors.h"
#include "gossamer/dispatch.h"
#include "gossamer/random.h"
#include "runtime/check.h"
#include "sparse/selection/select.h"

namespace gossamer::sparse {

namespace {

Groups groups_of(const InitContext& context) {
  const MatrixSize size = as_matrix(context.parameter.param().shape());
  const auto divides = [](int64_t groups, int64_t n) {
    return groups == 1 || (groups > 1 && n > 0 && n % groups == 0);
  };
  if (!divides(context.in_groups, size.cols) || !divides(context.out_groups, size.rows)) {
    fail<ConfigError>(
        "init_method",
        fmt::format("the groups must divide '{}', {} x {}", context.parameter.name(), size.rows, size.cols),
        fmt::format("in_groups {}, out_groups {}", context.in_groups, context.out_groups));
  }
  return {.rows = size.rows, .cols = size.cols, .out = context.out_groups, .in = context.in_groups};
}

std::shared_ptr<const CsrPattern> pattern_of(const Groups& groups, const Positions& positions) {
  return CsrPattern::from_positions(groups.rows, groups.cols, positions);
}

}  // namespace

int64_t num_kept(float sparsity, int64_t n) {
  if (std::isnan(sparsity)) fail<ConfigError>("num_kept", "sparsity must be a number", "NaN");
  if (n < 0) fail<ConfigError>("num_kept", "n must be at least 0", fmt::format("{}", n));
  const float kept = (1 - sparsity) * static_cast<float>(n);
  if (!(kept > 0)) return 0;
  // Above 2^24 a float may be larger than the n it stands for; from 2^63 on it has no int64_t.
  return kept < 0x1p63F ? std::min(static_cast<int64_t>(kept), n) : n;
}

std::shared_ptr<const CsrPattern> random(const InitContext& context) {
  const Groups groups = groups_of(context);
  const int64_t kept = num_kept(context.sparsity, groups.size());
  if (groups.count() == 1) return pattern_of(groups, sample_without_replacement(context.key, groups.size(), kept));
  const int64_t rows = groups.rows / groups.out;
  const int64_t cols = groups.cols / groups.in;
  Positions positions;
  positions.reserve(static_cast<size_t>(kept * groups.count()));
  for (int64_t group = 0; group < groups.count(); ++group) {
    const int64_t first = group / groups.in * rows * groups.cols + group % groups.in * cols;
    const uint64_t key = random_bits(context.key, static_cast<uint64_t>(group));
    for (const int64_t i : sample_without_replacement(key, groups.size(), kept)) {
      positions.push_back(first + i / cols * groups.cols + i % cols);
    }
  }
  std::ranges::sort(positions);
  return pattern_of(groups, positions);
}

std::shared_ptr<const CsrPattern> topk(const InitContext& context) {
  const Groups groups = groups_of(context);
  const Parameter& p = context.parameter.param();
  return pattern_of(groups,
                    largest_magnitudes(*p.topology(), p.values(), groups, num_kept(context.sparsity, groups.size())));
}

std::shared_ptr<const CsrPattern> from_zeros(const InitContext& context) {
  const Parameter& p = context.parameter.param();
  const Groups groups = groups_of(context);
  Positions positions;
  dispatch_floating(p.dtype(), "from_zeros", [&]<class T>() {
    const Tensor values = p.values();
    const T* v = values.data<T>();
    p.topology()->for_each([&](const SlotPosition& at) {
      if (v[at.slot] != 0) positions.push_back(at.row * groups.cols + at.col);
    });
  });
  return pattern_of(groups, positions);
}

std::shared_ptr<const CsrPattern> checkerboard(const InitContext& context) {
  const Groups groups = groups_of(context);
  const double density = 1 - static_cast<double>(context.sparsity);
  if (!(density > 0 && density <= 1)) {
    fail<ConfigError>("checkerboard", "sparsity must be at least 0 and below 1", fmt::format("{}", context.sparsity));
  }
  // One row, long enough to be shifted, has a connection wherever the running sum of densities passes a whole number.
  const auto length =
      groups.cols + static_cast<int64_t>(std::ceil(static_cast<double>(groups.cols) / density + 1e-5)) - 1;
  const auto whole = [density = static_cast<float>(density)](int64_t i) {
    return std::floor(static_cast<float>(i) * density + 1e-5F);
  };
  const auto shift = static_cast<int64_t>(std::floor(1 / density - 1e-5));
  Positions positions;
  // Those of the row in [begin, end), moved to column `col` on.
  const auto add = [&](int64_t row, int64_t begin, int64_t end, int64_t col) {
    for (int64_t i = begin; i < end;) {
      // The sum never falls: the next passage lies in a bracket that doubles until it holds one.
      int64_t low = i;
      int64_t high = i + 1;
      while (high < end && whole(high) == whole(i)) {
        low = high;
        high = std::min(end, high + (high - i));
      }
      if (whole(high) == whole(i)) return;
      while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        (whole(middle) == whole(i) ? low : high) = middle;
      }
      positions.push_back(row * groups.cols + col + low - begin);
      i = high;
    }
  };
  int64_t begin = 0;
  for (int64_t row = 0; row < groups.rows; ++row, begin = (begin + shift) % std::max<int64_t>(length, 1)) {
    const int64_t to_end = std::min(groups.cols, length - begin);
    add(row, begin, begin + to_end, 0);
    add(row, 0, groups.cols - to_end, to_end);
  }
  return pattern_of(groups, positions);
}

InitMethod make_init_method(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::shared_ptr<const CsrPattern> (*)(const InitContext&)>, 4>
      kMethods{{{"random", random}, {"topk", topk}, {"from_zeros", from_zeros}, {"checkerboard", checkerboard}}};
  const std::string lower = to_lower(name);
  std::vector<std::string> names;
  for (const auto& [known, method] : kMethods) {
    if (known == lower) return method;
    names.emplace_back(known);
  }
  fail<ConfigError>("init_method", fmt::format("the name must be one of {}", fmt::join(names, ", ")),
                    fmt::format("'{}'", name), guess(name, names));
}

}  // namespace gossamer::sparse
