// An operation of one's own: a ReLU with a soft corner, whose sharpness is learned.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <span>

#include "gossamer/gossamer.h"

namespace gs = gossamer;

// y = log(1 + exp(beta x)) / beta, elementwise. x: any shape, f32 or f64; beta: one element of the same type.
gs::Tensor soft_relu(const gs::Tensor& x, const gs::Tensor& beta) {
  struct SoftReluNode final : gs::Node {
    Input x{*this, {&x, &beta}};  // in the order given to record(); in braces: the gradients that need its value
    Input beta{*this, {&x, &beta}};

    gs::Gradients backward(const gs::Tensor& grad) override {
      const gs::Tensor slope = gs::sigmoid(x.value() * beta.value());  // dy/dx
      const auto of_beta = [&] {                                       // dy/dbeta = (x slope - y) / beta
        const gs::Tensor y = soft_relu(x.value(), beta.value());
        return gs::reshape(gs::sum(grad * (x.value() * slope - y) / beta.value()), beta.shape());
      };
      return {x.gradient([&] { return grad * slope; }), beta.gradient(of_beta)};
    }
  };

  if (beta.numel() != 1) {
    throw gs::ShapeError("soft_relu: beta must be one number; got shape " + beta.shape().to_string() +
                         "; call it once for each part that has its own");
  }
  gs::Tensor y = gs::Tensor::empty(x.shape(), x.dtype());
  gs::dispatch_floating(x.dtype(), "soft_relu", [&]<class T>() {
    const T b = beta.item<T>();  // DTypeError where it is not of x's type
    const std::span<const T> from = x.span<T>();
    std::transform(from.begin(), from.end(), y.mutable_data<T>(), [b](T v) {  // in this form exp() does not overflow
      return std::max(v, T(0)) + std::log1p(std::exp(-std::abs(b * v))) / b;
    });
  });
  return gs::record<SoftReluNode>("soft_relu", y, {x, beta});
}

class SoftRelu final : public gs::nn::Cloneable<SoftRelu> {
 public:
  SoftRelu() { register_parameter("beta", beta_); }
  gs::Tensor forward(const gs::Tensor& x) override { return soft_relu(x, beta_.tensor()); }

 private:
  gs::Parameter beta_{gs::Tensor::from({1.0})};
};

int main() {
  gs::Generator rng(1);
  gs::Tensor x = gs::Tensor::empty({4, 3}, gs::DType::f64);
  gs::fill_uniform(x, 1, -2, 2);
  const auto fn = [](std::span<const gs::Tensor> in) { return soft_relu(in[0], in[1]); };
  const gs::GradCheckResult check = gs::gradcheck(fn, {x, gs::Tensor::from<double>({3.0})});
  std::printf("gradients: %s\n", check ? "correct" : check.message.c_str());

  // Learns max(x, 0) of its inputs, best with a sharp corner.
  gs::nn::Sequential model{gs::nn::named("fc1", gs::nn::Linear({.in = 16, .out = 64}, rng)),
                           gs::nn::named("act", SoftRelu()),
                           gs::nn::named("fc2", gs::nn::Linear({.in = 64, .out = 16}, rng))};
  gs::sparse::Group sparsity({{"fc*.weight", gs::sparse::Static(0.5)}});
  gs::optim::AdamW optimizer(model.parameters(), {.lr = 1e-2, .weight_decay = 0});
  model.apply(sparsity);
  optimizer.apply(sparsity);
  gs::Tensor input = gs::Tensor::empty({256, 16});
  gs::fill_uniform(input, 2, -1, 1);
  const gs::Tensor target = gs::relu(input);
  for (int step = 0; step <= 300; ++step) {
    const gs::Tensor loss = gs::mse_loss(model(input), target);
    if (step % 100 == 0) std::printf("step %d: loss %.4f\n", step, loss.item<double>());
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
  }
  std::printf("beta is %.1f\n", model.named_parameters()[2].second.dense().item<double>());
}
