// Trains one layer of 1,048,576 x 1,048,576 with ten million connections, created in CSR: no dense form ever exists (it
// would take 4 TiB). AdamW, SET on every second step, batches of 32. Prints seconds and peak memory.
//   million [ROWS [NNZ [STEPS]]]
#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "gossamer/gossamer.h"

namespace gs = gossamer;

namespace {

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double peak_gib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / (1 << 20);
}

int64_t argument(int argc, char** argv, int i, int64_t otherwise) {
  return i < argc ? std::strtoll(argv[i], nullptr, 10) : otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t size = argument(argc, argv, 1, int64_t{1} << 20);
  const int64_t nnz = argument(argc, argv, 2, 10'000'000);
  const int64_t steps = argument(argc, argv, 3, 6);
  constexpr int64_t kBatch = 32;

  double start = seconds();
  gs::Generator rng(1);
  const double sparsity = 1 - static_cast<double>(nnz) / (static_cast<double>(size) * static_cast<double>(size));
  gs::nn::Linear layer({.in = size, .out = size, .sparsity = sparsity}, rng);
  gs::optim::AdamW optimizer(layer.parameters(), {.lr = 1e-3});
  gs::sparse::Group sparse({{"weight", gs::sparse::SET({.sparsity = sparsity, .update = {.freq = 2}})}});
  layer.apply(sparse);
  optimizer.apply(sparse);
  const gs::Parameter weight = layer.parameters()[0];
  std::printf("%lld x %lld, %lld connections: created in %.2f s\n", static_cast<long long>(size),
              static_cast<long long>(size), static_cast<long long>(weight.nnz()), seconds() - start);

  gs::Tensor x = gs::Tensor::empty({kBatch, size});
  x.set_requires_grad();  // as in the middle of a network: the input gradient is computed too
  for (int64_t step = 1; step <= steps; ++step) {
    gs::fill_uniform(x, static_cast<uint64_t>(step), -1, 1);
    start = seconds();
    {
      const gs::Tensor y = layer(x);
      // The gradient of |y|^2 / 2: y itself.
      optimizer.zero_grad();
      x.set_grad({});
      y.backward(y.detach());
    }
    x.set_grad({});
    const double product_seconds = seconds() - start;
    start = seconds();
    optimizer.step();
    std::printf("step %lld: forward and backward %.4f s, %s %.4f s; %.1f index bytes per connection, peak %.2f GiB\n",
                static_cast<long long>(step), product_seconds, step % 2 == 0 ? "AdamW and SET" : "AdamW",
                seconds() - start, static_cast<double>(weight.index_bytes()) / static_cast<double>(weight.nnz()),
                peak_gib());
  }
  return 0;
}
