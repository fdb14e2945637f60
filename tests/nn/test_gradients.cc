// The gradients of every layer, of its input and of its parameters, against central differences in f64.
#include <cmath>
#include <cstdint>
#include <span>

#include "gossamer/autograd.h"
#include "gossamer/gradcheck.h"
#include "tests/nn/layer_samples.h"
#include "tests/nn/support.h"

namespace gossamer::nn::test_gradients {
namespace {

constexpr double kStep = 1e-6;

// Σ r layer(x), with the same r on every call.
double weighted_sum(Module& layer, const Tensor& x) {
  const Tensor y = layer.forward(x);
  return sum(mul(y, uniform(y.shape(), 5, DType::f64))).item<double>();
}

class LayerGradient : public testing::TestWithParam<LayerSample> {};

TEST_P(LayerGradient, OfTheInputMatchesCentralDifferences) {
  const auto layer = GetParam().make(DType::f64);
  const Tensor x = GetParam().input(DType::f64);
  if (x.dtype() != DType::f64) return;
  for (const bool training : {false, true}) {
    if (training && GetParam().draws) continue;
    layer->train(training);
    const GradCheckResult result = gradcheck([&](std::span<const Tensor> in) { return layer->forward(in[0]); }, {x});
    EXPECT_TRUE(result) << result.message;
  }
}

TEST_P(LayerGradient, OfTheParametersMatchesCentralDifferences) {
  const auto layer = GetParam().make(DType::f64);
  const Tensor x = GetParam().input(DType::f64);
  layer->train(!GetParam().draws);
  const Tensor y = layer->forward(x);
  if (layer->parameters().empty()) return;
  y.backward(uniform(y.shape(), 5, DType::f64));
  const NoGrad no_grad;
  for (const auto& [name, parameter] : layer->named_parameters()) {
    Tensor values = parameter.values();
    const Tensor grad = parameter.grad();
    ASSERT_TRUE(grad.defined()) << name;
    for (int64_t i = 0; i < values.numel(); ++i) {
      const double before = values.data<double>()[i];
      const auto at = [&](double value) {
        values.mutable_data<double>()[i] = value;
        return weighted_sum(*layer, x);
      };
      const double numeric = (at(before + kStep) - at(before - kStep)) / (2 * kStep);
      at(before);
      EXPECT_NEAR(grad.data<double>()[i], numeric, 1e-7 + 1e-5 * std::abs(numeric)) << name << " " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Layers, LayerGradient, testing::ValuesIn(layer_samples()), name_of_layer);

}  // namespace
}  // namespace gossamer::nn::test_gradients
