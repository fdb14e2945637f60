// The network of the demo, and its training, the same for dense and sparse weights.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "gossamer/data/fashion_mnist.h"
#include "gossamer/nn/container.h"
#include "gossamer/optim/adam.h"
#include "gossamer/sparse/algorithm.h"

namespace gossamer::cli {

inline constexpr int64_t kBatchSize = 128;
inline constexpr optim::AdamWOptions kAdamW = {.lr = 2e-3, .weight_decay = 0.01};

struct TrainingOptions {
  std::string label;  // begins the lines of progress
  int64_t epochs = 1;
  uint64_t seed = 0;  // of the order of the images
  // Files of the run, none where empty: written after each epoch; gone on from.
  std::filesystem::path save = {};
  std::filesystem::path resume = {};
};

struct TrainingResult {
  double test_accuracy = 0;  // share of the test images
  double images_per_s = 0;   // training alone, without evaluation
  int64_t state_bytes = 0;   // peak of values, indices, gradients and optimizer states
};

// 784-1024-1024-10 with ReLU between, on flattened images; the layers are fc1, fc2, fc3.
nn::Sequential make_network(uint64_t seed);

// Forward, loss, backward and update on one batch; returns logits and loss.
struct StepResult {
  Tensor logits;
  Tensor loss;
};
StepResult training_step(nn::Module& model, optim::Optimizer& optimizer, const data::Batch& batch);

// Trains with AdamW, whose learning rate falls to 0 along a cosine. `sparsity` is applied to model and optimizer; null
// trains dense.
TrainingResult train(nn::Module& model, sparse::SparsityAlgorithm* sparsity, const data::FashionMnist& data,
                     const TrainingOptions& options);

}  // namespace gossamer::cli
