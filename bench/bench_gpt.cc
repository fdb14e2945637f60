// Times of the GPT of the examples, for bench/compare_torch_gpt.py, which lets all sides take turns.
//
// A line of standard input is answered by one of standard output:
//   set layers dim heads context batch vocabulary sparsity embedding_sparsity
//               "ok": a model, whose weights are CSR where sparsity is above 0
//   step        seconds of forward with its loss, of backward and of AdamW
//   write n     seconds of n tokens of one sequence, greedily, with a cache
// Seconds are those of the thread with one thread (the argument, default 1), else of the clock.
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>

#include "bench/timing.h"
#include "examples/gpt_model.h"

namespace {

int threads = 1;

struct Training {
  GptOptions options;
  std::optional<Gpt> model;
  std::optional<gs::optim::AdamW> optimizer;
  gs::Tensor tokens, targets;

  explicit Training(std::istream& in) {
    int64_t batch = 0;
    in >> options.layers >> options.dim >> options.heads >> options.context >> batch >> options.vocabulary >>
        options.sparsity >> options.embedding_sparsity;
    gs::Generator rng(1);
    model.emplace(options, rng);
    optimizer.emplace(model->parameters(), gs::optim::AdamWOptions{.lr = 1e-4});
    tokens = gs::Tensor::empty({batch, options.context}, gs::DType::i64);
    targets = gs::Tensor::empty({batch, options.context}, gs::DType::i64);
    for (gs::Tensor* t : {&tokens, &targets}) {
      const uint64_t key = rng.next_key();
      for (int64_t i = 0; i < t->numel(); ++i) {
        t->mutable_data<int64_t>()[i] = static_cast<int64_t>(gs::random_bits(key, static_cast<uint64_t>(i)) %
                                                             static_cast<uint64_t>(options.vocabulary));
      }
    }
  }

  void step() {
    const double start = gs::bench::now(threads);
    const gs::Tensor loss = gs::cross_entropy(gs::flatten((*model)(tokens), {.end_dim = 1}), gs::flatten(targets));
    const double forward = gs::bench::now(threads);
    optimizer->zero_grad();
    loss.backward();
    const double backward = gs::bench::now(threads);
    optimizer->step();
    std::cout << forward - start << ' ' << backward - forward << ' ' << gs::bench::now(threads) - backward << std::endl;
  }

  void write(int64_t n) {
    model->eval();
    const double start = gs::bench::now(threads);
    gs::nn::generate(next_logits(*model, 1), {{1}}, {.max_new_tokens = n, .sampling = {.temperature = 0}});
    std::cout << gs::bench::now(threads) - start << std::endl;
    model->train();
  }
};

void answer() {
  std::optional<Training> training;
  std::string command;
  while (std::cin >> command) {
    if (command == "set") {
      training.reset();
      training.emplace(std::cin);
      std::cout << "ok" << std::endl;
    } else if (training && command == "step") {
      training->step();
    } else if (training && command == "write") {
      int64_t n = 0;
      std::cin >> n;
      training->write(n);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) threads = std::atoi(argv[1]);
  gs::with_threads(threads, answer);
}
