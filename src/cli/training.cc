#include "cli/training.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "cli/progress.h"
#include "gossamer/autograd.h"
#include "gossamer/data/loader.h"
#include "gossamer/metrics.h"
#include "gossamer/nn/activation.h"
#include "gossamer/nn/flatten.h"
#include "gossamer/nn/linear.h"
#include "gossamer/ops.h"
#include "gossamer/random.h"
#include "gossamer/train/checkpoint.h"

namespace gossamer::cli {

namespace {

// Bytes of values, indices, gradients and optimizer states.
int64_t state_bytes(const std::vector<Parameter>& parameters, const optim::Optimizer& optimizer) {
  int64_t bytes = optimizer.state_bytes();
  for (const Parameter& p : parameters) bytes += p.value_bytes() + p.index_bytes() + p.grad_bytes();
  return bytes;
}

double test_accuracy(nn::Module& model, const data::FashionMnist& data) {
  const NoGrad no_grad;
  model.eval();
  data::DataLoader loader(data.test, {.batch_size = 500, .shuffle = false});
  metrics::Accuracy accuracy;
  for (const data::Batch& batch : loader) accuracy.add(model(batch.x), batch.y);
  model.train();
  return accuracy.value();
}

}  // namespace

nn::Sequential make_network(uint64_t seed) {
  Generator rng(seed);
  return nn::Sequential{
      nn::named("flatten", nn::Flatten()), nn::named("fc1", nn::Linear({.in = 784, .out = 1024}, rng)),
      nn::named("act1", nn::ReLU()),       nn::named("fc2", nn::Linear({.in = 1024, .out = 1024}, rng)),
      nn::named("act2", nn::ReLU()),       nn::named("fc3", nn::Linear({.in = 1024, .out = 10}, rng))};
}

StepResult training_step(nn::Module& model, optim::Optimizer& optimizer, const data::Batch& batch) {
  const Tensor logits = model(batch.x);
  const Tensor loss = cross_entropy(logits, batch.y);
  optimizer.zero_grad();
  loss.backward();
  optimizer.step();
  return {logits, loss};
}

TrainingResult train(nn::Module& model, sparse::SparsityAlgorithm* sparsity, const data::FashionMnist& data,
                     const TrainingOptions& options) {
  const std::vector<Parameter> parameters = model.parameters();
  if (sparsity != nullptr) model.apply(*sparsity);
  optim::AdamW optimizer(parameters, kAdamW);
  if (sparsity != nullptr) optimizer.apply(*sparsity);

  data::DataLoader loader(data.train, {.batch_size = kBatchSize, .seed = options.seed});
  const int64_t steps = options.epochs * loader.size();
  Progress progress(options.label, steps, options.epochs);
  TrainingResult result;
  TrainingFigures figures;
  metrics::Throughput throughput;
  train::Checkpoint run;
  run.add("model", model).add("optimizer", optimizer).add("loader", loader).add("step", figures.step);
  if (sparsity != nullptr) run.add("sparsity", *sparsity);
  if (!options.resume.empty()) run.load(options.resume);
  for (int64_t epoch = loader.epoch() + 1; epoch <= options.epochs; ++epoch) {
    figures.epoch = epoch;
    metrics::Mean loss;
    metrics::Accuracy accuracy;
    for (const data::Batch& batch : loader) {
      const double done = static_cast<double>(figures.step) / static_cast<double>(steps);
      optimizer.set_lr(0, kAdamW.lr * 0.5 * (1 + std::cos(std::numbers::pi * done)));
      const StepResult step = training_step(model, optimizer, batch);
      result.state_bytes = std::max(result.state_bytes, state_bytes(parameters, optimizer));

      const int64_t n = batch.x.dim(0);
      throughput.add(n);
      accuracy.add(step.logits, batch.y);
      loss.add(step.loss, n);
      ++figures.step;
      figures.loss = loss.value();
      figures.accuracy = accuracy.value();
      figures.images_per_s = throughput.value();
      progress.step(figures);
    }
    progress.end_epoch(figures);
    if (!options.save.empty()) run.save(options.save);
  }
  progress.finish(figures);
  result.images_per_s = figures.images_per_s;
  result.test_accuracy = test_accuracy(model, data);
  return result;
}

}  // namespace gossamer::cli
