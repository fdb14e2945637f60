#include "tests/soak/reference.h"

#include <algorithm>

namespace gossamer::soak {

namespace {

double activate(Activation kind, double x) {
  if (kind == Activation::Relu) return x > 0 ? x : 0;
  return x / (1 + x * x);
}

double slope(Activation kind, double x) {
  if (kind == Activation::Relu) return x > 0 ? 1 : 0;
  return (1 - x * x) / ((1 + x * x) * (1 + x * x));
}

void step_parameter(ReferenceParameter& p, double lr, double momentum) {
  if (p.grad.empty()) return;
  for (size_t i = 0; i < p.value.size(); ++i) {
    p.momentum[i] = p.updates == 0 ? p.grad[i] : momentum * p.momentum[i] + p.grad[i];
    p.value[i] -= lr * p.momentum[i];
  }
  ++p.updates;
}

}  // namespace

void ReferenceParameter::resize(int64_t rows_, int64_t cols_) {
  rows = rows_;
  cols = cols_;
  const auto size = static_cast<size_t>(rows * cols);
  value.assign(size, 0);
  mask.assign(size, 1);
  forward_mask.assign(size, 1);
  momentum.assign(size, 0);
  grad.clear();
}

int64_t ReferenceParameter::nnz() const { return std::ranges::count(mask, 1); }

void ReferenceParameter::change_mask(const std::vector<uint8_t>& to) {
  for (size_t i = 0; i < mask.size(); ++i) {
    if (mask[i] && to[i]) continue;
    value[i] = 0;
    momentum[i] = 0;
    if (!grad.empty()) grad[i] = 0;
  }
  mask = to;
  forward_mask = to;
}

Reference::Pass Reference::run(const std::vector<double>& x, int64_t n) const {
  Pass pass{{x}, {}};
  for (size_t l = 0; l < layers.size(); ++l) {
    const ReferenceParameter& w = layers[l].weight;
    const ReferenceParameter& b = layers[l].bias;
    const std::vector<double>& in = pass.inputs.back();
    std::vector<double> sums(static_cast<size_t>(n * w.rows));
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t r = 0; r < w.rows; ++r) {
        double sum = b.rows != 0 && b.forward_mask[static_cast<size_t>(r)] ? b.value[static_cast<size_t>(r)] : 0;
        for (int64_t c = 0; c < w.cols; ++c) {
          const auto at = static_cast<size_t>(r * w.cols + c);
          if (w.forward_mask[at]) sum += w.value[at] * in[static_cast<size_t>(i * w.cols + c)];
        }
        sums[static_cast<size_t>(i * w.rows + r)] = sum;
      }
    }
    std::vector<double> out = sums;
    if (l + 1 < layers.size())
      std::ranges::transform(out, out.begin(), [&](double s) { return activate(activation, s); });
    pass.sums.push_back(std::move(sums));
    pass.inputs.push_back(std::move(out));
  }
  return pass;
}

std::vector<double> Reference::forward(const std::vector<double>& x, int64_t n) const {
  return run(x, n).inputs.back();
}

double Reference::backward(const std::vector<double>& x, const std::vector<double>& target, int64_t n) {
  const Pass pass = run(x, n);
  const std::vector<double>& y = pass.inputs.back();
  double loss = 0;
  std::vector<double> grad(y.size());
  for (size_t i = 0; i < y.size(); ++i) {
    loss += (y[i] - target[i]) * (y[i] - target[i]) / static_cast<double>(y.size());
    grad[i] = 2 * (y[i] - target[i]) / static_cast<double>(y.size());
  }
  for (size_t l = layers.size(); l-- > 0;) {
    ReferenceParameter& w = layers[l].weight;
    ReferenceParameter& b = layers[l].bias;
    if (l + 1 < layers.size()) {
      for (size_t i = 0; i < grad.size(); ++i) grad[i] *= slope(activation, pass.sums[l][i]);
    }
    w.grad.resize(w.value.size());
    if (b.rows != 0) b.grad.resize(b.value.size());
    std::vector<double> below(static_cast<size_t>(n * w.cols));
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t r = 0; r < w.rows; ++r) {
        const double g = grad[static_cast<size_t>(i * w.rows + r)];
        if (b.rows != 0 && b.mask[static_cast<size_t>(r)]) b.grad[static_cast<size_t>(r)] += g;
        for (int64_t c = 0; c < w.cols; ++c) {
          const auto at = static_cast<size_t>(r * w.cols + c);
          const auto from = static_cast<size_t>(i * w.cols + c);
          if (w.mask[at]) w.grad[at] += g * pass.inputs[l][from];
          if (w.forward_mask[at]) below[from] += g * w.value[at];
        }
      }
    }
    grad = std::move(below);
  }
  return loss;
}

void Reference::step(double lr, double momentum) {
  for (ReferenceLayer& layer : layers) {
    step_parameter(layer.weight, lr, momentum);
    step_parameter(layer.bias, lr, momentum);
  }
}

void Reference::zero_grad() {
  for (ReferenceLayer& layer : layers) {
    layer.weight.grad.clear();
    layer.bias.grad.clear();
  }
}

}  // namespace gossamer::soak
