// Trains in pieces: resume FOLDER STEPS goes on where the checkpoints in FOLDER end, with the bits of a run in one
// piece.
#include <cstdio>
#include <cstdlib>

#include "gossamer/gossamer.h"

namespace gs = gossamer;

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: resume FOLDER STEPS\n"), 1;
  try {
    // Everything is built as it always is,
    gs::Generator rng(1);
    gs::nn::Sequential model{gs::nn::named("fc1", gs::nn::Linear({.in = 20, .out = 64}, rng)), gs::nn::ReLU(),
                             gs::nn::Dropout({.p = 0.1}, rng),
                             gs::nn::named("fc2", gs::nn::Linear({.in = 64, .out = 5}, rng))};
    gs::optim::AdamW optimizer(model.parameters(), {.lr = 1e-2});
    gs::sparse::Group sparsity({{gs::sparse::default_sparse_param_filter,  // weights, not biases
                                 gs::sparse::RigL({.sparsity = 0.8, .update = {.freq = 10}})}});
    model.apply(sparsity);
    optimizer.apply(sparsity);
    gs::optim::LrScheduler schedule(optimizer, gs::optim::lr::CosineAnnealing{.t_max = 200});
    const auto blobs = gs::data::make_blobs({.features = 20, .classes = 5});
    gs::data::DataLoader loader(blobs, {.batch_size = 32, .seed = 2});
    int64_t step = 0;

    // named as the parts of a run, and brought to where the last checkpoint left them.
    gs::train::Checkpoint run;
    run.add("model", model).add("optimizer", optimizer).add("sparsity", sparsity).add("schedule", schedule);
    run.add("loader", loader).add("step", step);
    gs::train::CheckpointManager checkpoints(run, {.folder = argv[1], .keep_last = 2, .keep_best = 1});
    if (checkpoints.resume()) std::printf("goes on after step %lld\n", static_cast<long long>(step));

    for (const int64_t last = std::atoll(argv[2]); step < last;) {
      for (const auto& batch : loader) {
        const gs::Tensor loss = gs::cross_entropy(model(batch.x), batch.y);
        optimizer.zero_grad();
        loss.backward();
        optimizer.step();
        schedule.step(optimizer);
        if (++step % 20 == 0) checkpoints.save_in_background(step, loss.item<double>());
        if (step == last) break;
      }
    }
    checkpoints.wait();
  } catch (const gs::Error& error) {
    return std::fprintf(stderr, "resume: %s\n", error.what()), 1;
  }
}
