// Normalization of tiles in Highway: a lane is a sample, so statistics take no sums across lanes, and the sums of
// weight and bias, which are across lanes, are one vector for each feature.
#include "kernels/tile_norm.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/tile_norm.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/norm-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gossamer::kernels {
namespace HWY_NAMESPACE {

constexpr int kMaxWidth = 64;

// Σ of add(d, feature, lane, first, second) over the features, for each lane.
template <class Add>
HWY_INLINE void SumFeatures(const NormTile& tile, const Add& add, double* first, double* second) {
  // Of float one after the other: fewer than along a line, where every lane of a vector has a chain of its own.
  constexpr int64_t kChain = 128;
  std::fill_n(first, tile.width, 0.0);
  std::fill_n(second, tile.width, 0.0);
  for (int64_t begin = 0; begin < tile.features; begin += kChain) {
    HWY_ALIGN float a[kMaxWidth] = {};
    HWY_ALIGN float b[kMaxWidth] = {};
    const auto from_begin = [&](auto d, int64_t row, int64_t lane, auto& sum_a, auto& sum_b)
                                HWY_ATTR { add(d, begin + row, lane, sum_a, sum_b); };
    SumColumns(std::min(kChain, tile.features - begin), tile.width, from_begin, a, b);
    for (int lane = 0; lane < tile.width; ++lane) {
      first[lane] += static_cast<double>(a[lane]);
      second[lane] += static_cast<double>(b[lane]);
    }
  }
}

// Of every lane, in one pass around its first element as a rule; see MomentsOf.
HWY_INLINE void LaneMoments(const NormTile& tile, const float* x, Moments* moments) {
  const double scale = 1 / static_cast<double>(tile.features);
  HWY_ALIGN float pivots[kMaxWidth] = {};
  if (tile.is_centered) std::copy_n(x, tile.width, pivots);
  double sums[kMaxWidth];
  double squares[kMaxWidth];
  for (int pass = 0; pass < 2; ++pass) {
    const float* const pivot = pivots;
    const int64_t width = tile.width;
    const auto add = [=](auto d, int64_t feature, int64_t lane, auto& sum, auto& square) HWY_ATTR {
      const auto difference = hn::Sub(hn::LoadU(d, x + feature * width + lane), hn::LoadU(d, pivot + lane));
      sum = hn::Add(sum, difference);
      square = hn::MulAdd(difference, difference, square);
    };
    SumFeatures(tile, add, sums, squares);
    bool is_far = false;
    for (int lane = 0; lane < tile.width; ++lane) {
      if (!tile.is_centered) {
        moments[lane] = {0, squares[lane] * scale};
        continue;
      }
      const PivotMoments found = MomentsAround(pivots[lane], {sums[lane] * scale, squares[lane] * scale});
      moments[lane] = found.moments;
      is_far = is_far || found.is_far;
      pivots[lane] = static_cast<float>(found.moments.mean);
    }
    if (!is_far) return;
  }
}

// The Normalizers of the lanes.
struct LaneNormalizers {
  HWY_ALIGN float center[kMaxWidth];
  HWY_ALIGN float scale[kMaxWidth];
  HWY_ALIGN float shift[kMaxWidth];

  LaneNormalizers(int width, const double* mean, const double* rstd) {
    for (int lane = 0; lane < width; ++lane) {
      const Normalizer of_lane(mean[lane], rstd[lane]);
      center[lane] = of_lane.center;
      scale[lane] = of_lane.scale;
      shift[lane] = of_lane.shift;
    }
  }

  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d, int64_t lane, hn::Vec<D> x) const {
    return hn::MulAdd(hn::Sub(x, hn::LoadU(d, center + lane)), hn::LoadU(d, scale + lane), hn::LoadU(d, shift + lane));
  }
};

void TileNorm(const NormTile& tile, const float* x, const float* weight, const float* bias, double* mean, double* rstd,
              float* y) {
  Moments moments[kMaxWidth];
  LaneMoments(tile, x, moments);
  for (int lane = 0; lane < tile.width; ++lane) {
    const bool is_sample = lane < tile.samples;
    mean[lane] = is_sample ? moments[lane].mean : 0;
    rstd[lane] = is_sample ? 1 / std::sqrt(moments[lane].variance + tile.eps) : 0;
  }
  const LaneNormalizers normalized(tile.width, mean, rstd);
  for (int64_t feature = 0; feature < tile.features; ++feature, x += tile.width, y += tile.width) {
    const float w = weight[feature];
    const float b = bias[feature];
    ForVectors(tile.width, [=, &normalized](auto d, int64_t lane) HWY_ATTR {
      const auto value = normalized(d, lane, hn::LoadU(d, x + lane));
      hn::StoreU(hn::MulAdd(value, hn::Set(d, w), hn::Set(d, b)), d, y + lane);
    });
  }
}

void TileNormGrad(const NormTile& tile, const float* x, const float* dy, const float* weight, const double* mean,
                  const double* rstd, float* dx, double* dweight, double* dbias) {
  const int64_t width = tile.width;
  const LaneNormalizers normalized(tile.width, mean, rstd);
  double sums[kMaxWidth];
  double dots[kMaxWidth];
  const auto add = [=, &normalized](auto d, int64_t feature, int64_t lane, auto& sum, auto& dot) HWY_ATTR {
    const auto g = hn::Mul(hn::LoadU(d, dy + feature * width + lane), hn::Set(d, weight[feature]));
    sum = hn::Add(sum, g);
    dot = hn::MulAdd(g, normalized(d, lane, hn::LoadU(d, x + feature * width + lane)), dot);
  };
  SumFeatures(tile, add, sums, dots);
  HWY_ALIGN float slopes[kMaxWidth];
  HWY_ALIGN float offsets[kMaxWidth];
  for (int lane = 0; lane < tile.width; ++lane) {
    const double scale = -rstd[lane] / static_cast<double>(tile.features);
    slopes[lane] = static_cast<float>(dots[lane] * scale);
    offsets[lane] = tile.is_centered ? static_cast<float>(sums[lane] * scale) : 0;
  }
  const float* const slope = slopes;
  const float* const offset = offsets;
  for (int64_t feature = 0; feature < tile.features; ++feature, x += width, dy += width, dx += width) {
    const float w = weight[feature];
    // Writes dx, and returns the normalized x.
    const auto write = [=, &normalized](auto d, int64_t lane, auto g) HWY_ATTR {
      const auto value = normalized(d, lane, hn::LoadU(d, x + lane));
      const auto rest = hn::MulAdd(value, hn::LoadU(d, slope + lane), hn::LoadU(d, offset + lane));
      const auto scale = hn::LoadU(d, normalized.scale + lane);
      hn::StoreU(hn::MulAdd(hn::Mul(g, hn::Set(d, w)), scale, rest), d, dx + lane);
      return value;
    };
    const TwoSums of_feature = SumTwo(
        width,
        [=](int64_t lane, FloatVec& weight_sum, FloatVec& bias_sum) HWY_ATTR {
          const auto g = hn::LoadU(Floats(), dy + lane);
          weight_sum = hn::MulAdd(g, write(Floats(), lane, g), weight_sum);
          bias_sum = hn::Add(bias_sum, g);
        },
        [=](int64_t lane) HWY_ATTR -> TwoSums {
          const auto g = hn::LoadU(OneFloat(), dy + lane);
          const double value = static_cast<double>(hn::GetLane(write(OneFloat(), lane, g)));
          return {static_cast<double>(dy[lane]) * value, static_cast<double>(dy[lane])};
        });
    dweight[feature] += of_feature.first;
    dbias[feature] += of_feature.second;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gossamer::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gossamer::kernels {

HWY_EXPORT(TileNorm);
HWY_EXPORT(TileNormGrad);

void tile_norm(const NormTile& tile, const float* x, const float* weight, const float* bias, double* mean, double* rstd,
               float* y) noexcept {
  HWY_DYNAMIC_DISPATCH(TileNorm)(tile, x, weight, bias, mean, rstd, y);
}
void tile_norm_grad(const NormTile& tile, const float* x, const float* dy, const float* weight, const double* mean,
                    const double* rstd, float* dx, double* dweight, double* dbias) noexcept {
  HWY_DYNAMIC_DISPATCH(TileNormGrad)(tile, x, dy, weight, mean, rstd, dx, dweight, dbias);
}

}  // namespace gossamer::kernels
#endif  // HWY_ONCE
