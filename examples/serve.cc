// Serves a pruned classifier over standard input: a line of 784 numbers is a request, "<number of the line> <class>"
// its answer. In the end, what the zeros save: latency of the same requests with dense and with CSR weights.
//   serve MODEL.safetensors [THREADS] < requests
// The file holds fc1, fc2 and fc3 of 784-1024-1024-10, as PyTorch users write it: pruned by torch.nn.utils.prune
// (weight_orig and weight_mask), with plain zeros, with masks, or in CSR form.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "gossamer/gossamer.h"

namespace gs = gossamer;
namespace nn = gs::nn;

nn::Sequential classifier() {
  gs::Generator rng(0);  // the file replaces what it draws
  return nn::Sequential{nn::named("fc1", nn::Linear({.in = 784, .out = 1024}, rng)), nn::ReLU(),
                        nn::named("fc2", nn::Linear({.in = 1024, .out = 1024}, rng)), nn::ReLU(),
                        nn::named("fc3", nn::Linear({.in = 1024, .out = 10}, rng))};
}

void report(const char* name, std::vector<double> times) {
  std::sort(times.begin(), times.end());
  if (times.empty()) return;
  std::printf("%s: p50 %.3f ms, p99 %.3f ms\n", name, times[times.size() / 2], times[times.size() * 99 / 100]);
}

void serve(nn::Sequential& sparse, nn::Sequential& dense, int threads) {
  std::mutex mutex;  // of standard input and output, and of the times
  std::vector<double> times[2];
  long lines = 0;
  const auto work = [&] {
    for (std::string line;;) {
      std::unique_lock lock(mutex);
      if (!std::getline(std::cin, line)) return;
      const long number = ++lines;
      lock.unlock();
      std::istringstream numbers(line);
      std::vector<float> values(std::istream_iterator<float>(numbers), {});
      values.resize(784);  // a short line ends in zeros
      for (nn::Sequential* model : {&sparse, &dense}) {
        const auto begin = std::chrono::steady_clock::now();
        const auto answer = gs::argmax((*model)(gs::Tensor::from(values, {1, 784})), 1).item<int64_t>();
        const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - begin;
        lock.lock();
        if (model == &sparse) std::printf("%ld %ld\n", number, static_cast<long>(answer));
        times[model == &dense].push_back(time.count());
        lock.unlock();
      }
    }
  };
  std::vector<std::jthread> workers;  // each answers by itself: a request is too small to be shared
  for (int i = 0; i < threads; ++i) workers.emplace_back([&] { gs::with_threads(1, work); });
  workers.clear();
  report("CSR", times[0]);
  report("dense", times[1]);
}

int main(int argc, char** argv) try {
  if (argc < 2) throw gs::ConfigError("usage: serve MODEL.safetensors [THREADS] < requests");
  nn::Sequential sparse = classifier(), dense = classifier();
  nn::load_weights(sparse, argv[1], {.from_zeros = "fc[12].weight"});
  dense.load_state_dict(sparse.state_dict());
  for (const gs::Parameter& p : dense.parameters()) p.assign(p.dense(), nullptr);
  nn::freeze(sparse);
  nn::freeze(dense);
  serve(sparse, dense, argc > 2 ? std::max(1, std::atoi(argv[2])) : 1);
} catch (const gs::Error& error) {
  std::fprintf(stderr, "serve: %s\n", error.what());
  return 1;
}
