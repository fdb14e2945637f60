// Times of the training steps of examples/cnn_model.h with AdamW, for bench/compare_torch_cnn.py, which lets both sides
// take turns.
//
// A line of standard input is "set width batch sparsity", answered by "ok", or "run", answered by the CPU seconds of
// forward, backward and update.
#include <iostream>
#include <optional>
#include <string>

#include "bench/timing.h"
#include "examples/cnn_model.h"

namespace {

using namespace gossamer;

struct Training {
  cnn::Net net;
  sparse::Group sparsity;
  optim::AdamW optimizer;
  Tensor images, labels;

  Training(Generator rng, int64_t width, int64_t batch, double zeros)
      : net({.width = width}, rng),
        sparsity(sparse::Group::none()),
        optimizer(net.parameters(), {.lr = 1e-3}),
        images(Tensor::empty({batch, 1, 28, 28})),
        labels(Tensor::empty({batch}, DType::i64)) {
    if (zeros > 0) sparsity = sparse::Group({{cnn::kSparseWeights, sparse::Static(zeros)}});
    net.apply(sparsity);
    optimizer.apply(sparsity);
    fill_uniform(images, 1, -1, 1);
    for (int64_t i = 0; i < batch; ++i) labels.mutable_data<int64_t>()[i] = i % 10;
  }

  void run() {
    const double start = bench::cpu_seconds();
    const Tensor loss = cross_entropy(net(images), labels);
    const double forward = bench::cpu_seconds();
    optimizer.zero_grad();
    loss.backward();
    const double backward = bench::cpu_seconds();
    optimizer.step();
    std::cout << forward - start << ' ' << backward - forward << ' ' << bench::cpu_seconds() - backward << std::endl;
  }
};

}  // namespace

int main() {
  std::optional<Training> training;
  std::string command;
  while (std::cin >> command) {
    if (command == "set") {
      int64_t width = 0, batch = 0;
      double sparsity = 0;
      std::cin >> width >> batch >> sparsity;
      training.emplace(Generator(1), width, batch, sparsity);
      std::cout << "ok" << std::endl;
    } else if (training) {
      training->run();
    }
  }
}
