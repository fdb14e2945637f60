#include "gossamer/sparse/wanda.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "gossamer/dispatch.h"
#include "gossamer/sparse/prune.h"
#include "parameter/access.h"
#include "runtime/check.h"
#include "runtime/parallel.h"

namespace gossamer::sparse {

struct InputNorms::Sums {
  std::vector<double> squares;  // of each input feature
  int64_t rows = 0;             // seen so far

  void add(const Tensor& x) {
    const auto cols = static_cast<int64_t>(squares.size());
    if (cols == 0) return;
    const int64_t n = x.numel() / cols;
    dispatch_floating(x.dtype(), "InputNorms", [&]<class T>() {
      const T* from = x.data<T>();
      rt::parallel_chunks(cols, 64, [&](int64_t begin, int64_t end) {
        for (int64_t row = 0; row < n; ++row) {
          for (int64_t col = begin; col < end; ++col) {
            const double value = from[row * cols + col];
            squares[static_cast<size_t>(col)] += value * value;
          }
        }
      });
    });
    rows += n;
  }
};

InputNorms::InputNorms(const std::vector<Parameter>& weights) {
  for (const Parameter& w : weights) {
    if (w.shape().rank() != 2) {
      fail<ShapeError>("InputNorms", fmt::format("'{}' must be a weight [out, in]", w.name()), w.shape().to_string());
    }
  }
  for (const Parameter& w : weights) {
    auto sums = std::make_shared<Sums>();
    sums->squares.resize(static_cast<size_t>(w.shape()[1]));
    sums_.emplace_back(w, std::move(sums));
  }
  size_t observed = 0;
  try {
    for (const auto& [weight, sums] : sums_) {
      ParameterAccess::observe_inputs(weight, [s = sums](const Tensor& x) { s->add(x); });
      ++observed;
    }
  } catch (...) {
    for (size_t i = 0; i < observed; ++i) ParameterAccess::observe_inputs(sums_[i].first, {});
    throw;
  }
}

InputNorms::~InputNorms() {
  for (const auto& [weight, sums] : sums_) ParameterAccess::observe_inputs(weight, {});
}

InputNorms::InputNorms(InputNorms&&) noexcept = default;

const InputNorms::Sums& InputNorms::sums(const Parameter& weight) const {
  const auto found = std::ranges::find_if(sums_, [&](const auto& entry) { return entry.first == weight; });
  if (found == sums_.end()) {
    fail<StateError>("InputNorms", "the weight must be one of those observed",
                     weight.defined() ? fmt::format("'{}' is not", weight.name()) : "an undefined parameter");
  }
  return *found->second;
}

Tensor InputNorms::norms(const Parameter& weight) const {
  const std::vector<double>& squares = sums(weight).squares;
  Tensor norms = Tensor::empty({static_cast<int64_t>(squares.size())}, DType::f64);
  std::ranges::transform(squares, norms.mutable_data<double>(), [](double s) { return std::sqrt(s); });
  return norms;
}

Tensor InputNorms::scores(const Parameter& weight) const {
  if (sums(weight).rows == 0) {
    fail<StateError>("InputNorms", fmt::format("'{}' must have met an input", weight.name()), "it has met none",
                     "run forward on calibration data while the norms are gathered");
  }
  const Tensor norms = this->norms(weight);
  const Tensor values = weight.values();
  Tensor scores = Tensor::empty(values.shape(), values.dtype());
  const auto pattern = weight.topology();
  dispatch_floating(values.dtype(), "InputNorms", [&]<class T>() {
    const T* w = values.data<T>();
    const double* norm = norms.data<double>();
    T* to = scores.mutable_data<T>();
    pattern->for_each([&](const SlotPosition& p) {
      to[p.slot] = static_cast<T>(std::abs(static_cast<double>(w[p.slot])) * norm[p.col]);
    });
  });
  return scores;
}

void wanda(const std::vector<Parameter>& weights, const InputNorms& norms, double sparsity) {
  prune(weights, [&](const Parameter& p) { return norms.scores(p); }, {.sparsity = sparsity, .scope = PruneScope::Row});
}

}  // namespace gossamer::sparse
