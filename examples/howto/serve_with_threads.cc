// One pruned model answers on several threads: a request on each, all threads on one request, and in batches.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <exception>
#include <future>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "gossamer/gossamer.h"

namespace gs = gossamer;
namespace nn = gs::nn;

// 784-1024-1024-10 at 90 %. In earnest nn::load_weights(model, "pruned.safetensors") comes before freeze().
nn::Sequential classifier() {
  gs::Generator rng(1);
  nn::Sequential model{nn::named("fc1", nn::Linear({.in = 784, .out = 1024, .sparsity = 0.9}, rng)), nn::ReLU(),
                       nn::named("fc2", nn::Linear({.in = 1024, .out = 1024, .sparsity = 0.9}, rng)), nn::ReLU(),
                       nn::named("fc3", nn::Linear({.in = 1024, .out = 10}, rng))};
  nn::freeze(model);
  return model;
}

bool same_bits(const std::vector<gs::Tensor>& a, const std::vector<gs::Tensor>& b) {
  return std::ranges::equal(a, b, gs::equal);
}

int main() try {
  nn::Sequential model = classifier();
  double bytes = 0, dense = 0;
  for (const gs::Parameter& p : model.parameters()) {
    bytes += static_cast<double>(p.value_bytes() + p.index_bytes());
    dense += 4.0 * static_cast<double>(p.numel());
  }
  std::printf("the model: %.1f MiB, dense %.1f MiB\n", bytes / (1 << 20), dense / (1 << 20));

  std::vector<gs::Tensor> requests, expected, answers(200);
  for (uint64_t i = 0; i < answers.size(); ++i) {
    requests.push_back(gs::Tensor::empty({1, 784}));
    gs::fill_uniform(requests.back(), i, 0, 1);
    expected.push_back(model(requests.back()));
  }

  const auto on_threads = [](int count, const auto& work) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < count; ++i) threads.emplace_back([&work] { gs::with_threads(1, work); });
  };
  std::atomic<size_t> next = 0;
  on_threads(4, [&] {
    for (size_t i = next++; i < requests.size(); i = next++) answers[i] = model(requests[i]);
  });
  std::printf("a request on each of 4 threads: %s\n", same_bits(answers, expected) ? "the same bits" : "other bits");

  for (size_t i = 0; i < requests.size(); ++i) answers[i] = model(requests[i]);
  std::printf("all threads on one request: %s\n", same_bits(answers, expected) ? "the same bits" : "other bits");

  struct Request {
    gs::Tensor x;
    std::promise<gs::Tensor> answer;
  };
  std::mutex mutex;  // of the queue
  std::condition_variable_any arrived;
  std::deque<Request> waiting;
  std::jthread server([&](const std::stop_token& stop) {
    for (std::unique_lock lock(mutex); arrived.wait(lock, stop, [&] { return !waiting.empty(); }); lock.lock()) {
      std::vector<Request> batch;
      std::vector<gs::Tensor> inputs;
      for (; !waiting.empty() && batch.size() < 16; waiting.pop_front()) {
        batch.push_back(std::move(waiting.front()));
        inputs.push_back(batch.back().x);
      }
      lock.unlock();
      try {
        const std::vector<gs::Tensor> outputs = gs::split(model(gs::concat(inputs)), 1);
        for (size_t i = 0; i < batch.size(); ++i) batch[i].answer.set_value(outputs[i]);
      } catch (...) {  // nobody shall wait for ever
        for (Request& request : batch) request.answer.set_exception(std::current_exception());
      }
    }
  });
  next = 0;
  on_threads(4, [&] {
    for (size_t i = next++; i < requests.size(); i = next++) {
      Request request{requests[i], {}};
      std::future<gs::Tensor> answer = request.answer.get_future();
      std::unique_lock lock(mutex);
      waiting.push_back(std::move(request));
      lock.unlock();
      arrived.notify_one();
      answers[i] = answer.get();
    }
  });
  double difference = 0;
  for (size_t i = 0; i < answers.size(); ++i) {
    difference = std::max(difference, gs::max(gs::abs(answers[i] - expected[i])).item<double>());
  }
  std::printf("in batches: %s\n", difference < 1e-6 ? "the same but for rounding" : "other answers");
} catch (const gs::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
