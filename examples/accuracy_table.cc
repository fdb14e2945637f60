// Trains the demo's network (784-1024-1024-10) on Fashion-MNIST with static, SET, RigL, GMP and dense weights at 90 and
// 95 % sparsity, from several seeds, and prints mean test accuracy and standard deviation as a Markdown table.
//   accuracy_table [SEEDS [EPOCHS [sgd|adamw]]]
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "gossamer/gossamer.h"

namespace gs = gossamer;

namespace {

constexpr int64_t kBatch = 128;
constexpr gs::optim::SgdOptions kSgd = {.lr = 0.1, .momentum = 0.9, .weight_decay = 1e-4};
constexpr gs::optim::AdamWOptions kAdamW = {.lr = 2e-3, .weight_decay = 0.01};

std::unique_ptr<gs::optim::Optimizer> make_optimizer(const std::string& name, const gs::nn::Module& model) {
  if (name == "adamw") return std::make_unique<gs::optim::AdamW>(model.parameters(), kAdamW);
  return std::make_unique<gs::optim::SGD>(model.parameters(), kSgd);
}

gs::nn::Sequential make_network(uint64_t seed) {
  gs::Generator rng(seed);
  return gs::nn::Sequential{gs::nn::Flatten(), gs::nn::named("fc1", gs::nn::Linear({.in = 784, .out = 1024}, rng)),
                            gs::nn::ReLU(),    gs::nn::named("fc2", gs::nn::Linear({.in = 1024, .out = 1024}, rng)),
                            gs::nn::ReLU(),    gs::nn::named("fc3", gs::nn::Linear({.in = 1024, .out = 10}, rng))};
}

double test_accuracy(gs::nn::Module& model, const gs::data::FashionMnist& data) {
  const gs::NoGrad no_grad;
  model.eval();
  gs::data::DataLoader loader(data.test, {.batch_size = 500, .shuffle = false});
  gs::metrics::Accuracy accuracy;
  for (const auto& batch : loader) accuracy.add(model(batch.x), batch.y);
  return accuracy.value();
}

// Test accuracy after training with a learning rate that falls to 0 along a cosine. A group without entries trains
// dense.
double train(gs::sparse::Group& sparsity, const gs::data::FashionMnist& data, uint64_t seed, int64_t epochs,
             const std::string& rule) {
  gs::nn::Sequential model = make_network(seed);
  const auto optimizer = make_optimizer(rule, model);
  if (sparsity.size() > 0) {
    model.apply(sparsity);
    optimizer->apply(sparsity);
  }
  const double lr = optimizer->lr(0);
  gs::data::DataLoader loader(data.train, {.batch_size = kBatch, .seed = seed});
  const auto steps = static_cast<double>(epochs * loader.size());
  int64_t step = 0;
  for (int64_t epoch = 0; epoch < epochs; ++epoch) {
    for (const auto& batch : loader) {
      const double done = static_cast<double>(step++) / steps;
      optimizer->set_lr(0, lr * 0.5 * (1 + std::cos(std::numbers::pi * done)));
      const gs::Tensor loss = gs::cross_entropy(model(batch.x), batch.y);
      optimizer->zero_grad();
      loss.backward();
      optimizer->step();
    }
  }
  return test_accuracy(model, data);
}

// How one row makes the algorithm for fc1 and fc2; the last layer and the biases stay dense.
struct Method {
  std::string name;
  std::function<gs::sparse::Group(double sparsity, int64_t steps, uint64_t seed)> make;
};

std::vector<Method> methods() {
  using namespace gs::sparse;
  constexpr const char* kWeights = "fc[12].weight";
  // SET and RigL search for three quarters of the steps; GMP prunes over the middle half.
  const auto search = [](int64_t steps) { return UpdateSchedule{.freq = 100, .stop = 3 * steps / 4}; };
  const auto drop = [](int64_t steps) { return Cosine{.init = 0.3, .half_period = 0.75 * static_cast<double>(steps)}; };
  return {
      {"static",
       [=](double s, int64_t, uint64_t seed) {
         return Group({{kWeights, Static({.sparsity = s, .seed = seed})}});
       }},
      {"SET",
       [=](double s, int64_t steps, uint64_t seed) {
         return Group(
             {{kWeights, SET({.sparsity = s, .drop_fraction = drop(steps), .update = search(steps), .seed = seed})}});
       }},
      {"RigL",
       [=](double s, int64_t steps, uint64_t seed) {
         return Group(
             {{kWeights, RigL({.sparsity = s, .drop_fraction = drop(steps), .update = search(steps), .seed = seed})}});
       }},
      // Twice the interval: twice the gradients that tell signal from noise.
      {"RigL, candidates",
       [=](double s, int64_t steps, uint64_t seed) {
         return Group({{kWeights, RigL({.sparsity = s,
                                        .drop_fraction = drop(steps),
                                        .update = {.freq = 200, .stop = 3 * steps / 4},
                                        .candidates = 4,
                                        .window = 200,
                                        .seed = seed})}});
       }},
      {"GMP",
       [=](double s, int64_t steps, uint64_t seed) {
         return Group(
             {{kWeights, GMP({.sparsity = Cubic{.init = 0, .final = s, .start = steps / 8, .end = 5 * steps / 8},
                              .update = {.freq = 50, .stop = 3 * steps / 4},
                              .seed = seed})}});
       }},
  };
}

// "89.76 ± 0.12" in percent: mean and standard deviation (of a sample).
std::string cell(const std::vector<double>& accuracies) {
  const auto n = static_cast<double>(accuracies.size());
  double mean = 0;
  for (const double a : accuracies) mean += a / n;
  double squares = 0;
  for (const double a : accuracies) squares += (a - mean) * (a - mean);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.2f ± %.2f", 100 * mean, n > 1 ? 100 * std::sqrt(squares / (n - 1)) : 0);
  return text.data();
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t seeds = argc > 1 ? std::strtoll(argv[1], nullptr, 10) : 5;
  const int64_t epochs = argc > 2 ? std::strtoll(argv[2], nullptr, 10) : 6;
  const std::string rule = argc > 3 ? argv[3] : "sgd";
  if (seeds < 1 || epochs < 1 || (rule != "sgd" && rule != "adamw")) {
    std::fprintf(stderr, "usage: accuracy_table [SEEDS [EPOCHS [sgd|adamw]]], numbers at least 1\n");
    return 1;
  }
  try {
    const auto data = gs::data::load_fashion_mnist({.scale = {.mean = 0.2860, .std = 0.3530}});
    const int64_t steps = epochs * ((data.train->size() + kBatch - 1) / kBatch);
    const std::vector<double> sparsities{0.9, 0.95};
    const auto run = [&](const std::string& name, const std::function<gs::sparse::Group(uint64_t)>& make) {
      std::vector<double> accuracies;
      for (int64_t seed = 1; seed <= seeds; ++seed) {
        gs::sparse::Group group = make(static_cast<uint64_t>(seed));
        accuracies.push_back(train(group, data, static_cast<uint64_t>(seed), epochs, rule));
        std::fprintf(stderr, "%s, seed %lld: %.2f %%\n", name.c_str(), static_cast<long long>(seed),
                     100 * accuracies.back());
      }
      return cell(accuracies);
    };
    std::vector<std::string> lines{"| weights |", "|---|"};
    for (const double s : sparsities) {
      std::array<char, 32> head{};
      std::snprintf(head.data(), head.size(), " %g %% sparse |", 100 * s);
      lines[0] += head.data();
      lines[1] += "---|";
    }
    for (const Method& method : methods()) {
      std::string& line = lines.emplace_back("| ");
      line.append(method.name).append(" |");
      for (const double s : sparsities) {
        line.append(" ")
            .append(run(method.name, [&](uint64_t seed) { return method.make(s, steps, seed); }))
            .append(" |");
      }
    }
    const std::string dense = run("dense", [](uint64_t) { return gs::sparse::Group(); });
    std::string& line = lines.emplace_back("| dense |");
    for (size_t i = 0; i < sparsities.size(); ++i) line.append(" ").append(dense).append(" |");
    for (const std::string& text : lines) std::printf("%s\n", text.c_str());
    std::printf("\nTest accuracy in %% after %lld epochs: mean and standard deviation of %lld seeds.\n",
                static_cast<long long>(epochs), static_cast<long long>(seeds));
  } catch (const gs::Error& error) {
    std::fprintf(stderr, "accuracy_table: %s\n", error.what());
    return 1;
  }
  return 0;
}
