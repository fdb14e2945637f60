// Trains a small GPT on a text, character by character, dense or sparse, and lets it write. With --demo it does both
// from the same initial values and compares. --save and --resume make a run of several pieces. gpt --help lists the
// options; docs/transformers.md explains the model.
#include "gpt_model.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

struct Options {
  std::vector<std::string> data;
  double sparsity = 0.75;
  std::string algorithm = "rigl";
  std::string config;
  double candidates = 1;
  int64_t steps = 400;
  int64_t batch = 16;
  double lr = 2e-3;
  uint64_t seed = 1;
  GptOptions model = {.context = 128, .layers = 4, .dim = 256, .heads = 4, .rotary = true};
  int64_t generate = 300;
  std::string prompt = "\n";
  gs::nn::SamplingOptions sampling = {.temperature = 0.8};
  int threads = 0;
  bool demo = false;
  std::string json;
  std::string save;
  std::string resume;
  int64_t stop_at = 0;  // 0: at the last step
};

struct Text {
  gs::data::Vocabulary vocabulary;
  std::shared_ptr<const gs::data::TextDataset> train;
  std::shared_ptr<const gs::data::TextDataset> validation;
};

// The last tenth is for validation, in windows that do not overlap.
Text load(const Options& options) {
  std::string text;
  for (const std::string& file : options.data) text += gs::data::read_text(file);
  const auto vocabulary = gs::data::Vocabulary::characters(text);
  const std::vector<int32_t> tokens = vocabulary.encode(text);
  const int64_t context = options.model.context;
  Text result{vocabulary, gs::data::split_text(tokens, 0.1, {.context = context}).train,
              gs::data::split_text(tokens, 0.1, {.context = context, .stride = context}).validation};
  if (result.train->size() < options.batch || result.validation->size() < 1) {
    throw gs::ConfigError("the text is too short for a batch of its beginning and a window of its last tenth; " +
                          std::to_string(tokens.size()) + " characters");
  }
  std::printf("%zu characters, %lld different ones\n", tokens.size(), static_cast<long long>(vocabulary.size()));
  return result;
}

// What --sparsity and --algorithm, or the file of --config, make of the blocks' weights. Patterns settle after three
// quarters of the steps.
gs::sparse::Group make_sparsity(const Options& options) {
  using namespace gs::sparse;
  if (!options.config.empty()) return configure(load_yaml(options.config));
  const double s = options.sparsity;
  if (s == 0) return Group::none();
  const int64_t stop = std::max<int64_t>(1, options.steps * 3 / 4);
  const int64_t freq = std::max<int64_t>(1, options.steps / 20);
  const UpdateSchedule update{.freq = freq, .stop = stop};
  const Cosine drop{.init = 0.3, .half_period = static_cast<double>(stop)};
  if (options.algorithm == "static") return Group({{kGptSparseWeights, Static({.sparsity = s, .seed = options.seed})}});
  if (options.algorithm == "set") {
    return Group(
        {{kGptSparseWeights, SET({.sparsity = s, .drop_fraction = drop, .update = update, .seed = options.seed})}});
  }
  if (options.algorithm == "gmp") {
    const Cubic rising{.init = 0, .final = s, .start = options.steps / 8, .end = std::max<int64_t>(stop, 2)};
    return Group({{kGptSparseWeights, GMP({.sparsity = rising, .update = update, .seed = options.seed})}});
  }
  return Group({{kGptSparseWeights, RigL({.sparsity = s,
                                          .drop_fraction = drop,
                                          .update = update,
                                          .candidates = options.candidates,
                                          .window = freq,
                                          .seed = options.seed})}});
}

// Mean cross-entropy, of at most `windows` windows.
double validate(Gpt& model, const Text& text, const Options& options, int64_t windows) {
  const gs::NoGrad no_grad;
  model.eval();
  gs::data::DataLoader loader(text.validation, {.batch_size = options.batch, .shuffle = false});
  gs::metrics::Mean loss;
  for (const gs::data::Batch& batch : loader) {
    if (loss.count() >= windows * options.model.context) break;
    loss.add(gs::cross_entropy(gs::flatten(model(batch.x), {.end_dim = 1}), gs::flatten(batch.y)), batch.y.numel());
  }
  model.train();
  return loss.value();
}

// Weight decay is for matrices, as GPT-3's authors have it, not for biases and norms.
gs::optim::AdamW make_optimizer(const Gpt& model, const Options& options) {
  std::vector<gs::Parameter> matrices;
  std::vector<gs::Parameter> vectors;
  for (const gs::Parameter& p : model.parameters()) (p.shape().rank() > 1 ? matrices : vectors).push_back(p);
  const gs::optim::AdamWOptions adamw = {.lr = options.lr, .beta2 = 0.99, .weight_decay = 0.1};
  gs::optim::AdamWOptions no_decay = adamw;
  no_decay.weight_decay = 0;
  return gs::optim::AdamW({{matrices, adamw}, {vectors, no_decay}});
}

struct Result {
  double per_s = 0;  // tokens of training
  double validation_loss = 0;
  int64_t state_bytes = 0;  // peak of values, indices, gradients and optimizer states
  double generate_per_s = 0;
  double sparsity = 0;  // of the weights that an algorithm has
};

Result train(Gpt& model, gs::sparse::Group sparsity, const Text& text, const Options& options, const char* label) {
  model.apply(sparsity);
  gs::optim::AdamW optimizer = make_optimizer(model, options);
  optimizer.apply(sparsity);
  const int64_t warmup = std::max<int64_t>(1, options.steps / 10);
  gs::optim::LrScheduler scheduler(
      optimizer, gs::optim::lr::Sequential{
                     .schedules = {gs::optim::lr::Linear{.start_factor = 0.01, .total_iters = warmup},
                                   gs::optim::lr::CosineAnnealing{.t_max = options.steps, .eta_min = options.lr / 10}},
                     .milestones = {warmup}});
  gs::data::DataLoader loader(text.train, {.batch_size = options.batch, .drop_last = true, .seed = options.seed});

  using Clock = std::chrono::steady_clock;
  const std::vector<gs::Parameter> parameters = model.parameters();
  const int64_t report = std::max<int64_t>(1, options.steps / 10);
  Result result;
  double seconds = 0;
  int64_t step = 0;
  gs::train::Checkpoint checkpoint;
  checkpoint.add("model", model).add("optimizer", optimizer).add("sparsity", sparsity).add("schedule", scheduler);
  checkpoint.add("loader", loader).add("step", step);
  if (!options.resume.empty()) checkpoint.load(options.resume);
  const int64_t first = step;
  const int64_t last = options.stop_at > 0 ? std::min(options.stop_at, options.steps) : options.steps;
  while (step < last) {
    for (const gs::data::Batch& batch : loader) {
      const auto start = Clock::now();
      const gs::Tensor loss = gs::cross_entropy(gs::flatten(model(batch.x), {.end_dim = 1}), gs::flatten(batch.y));
      optimizer.zero_grad();
      loss.backward();
      gs::optim::clip_grad_norm(parameters, 1);
      optimizer.step();
      scheduler.step(optimizer);
      seconds += std::chrono::duration<double>(Clock::now() - start).count();
      result.per_s = static_cast<double>((++step - first) * batch.y.numel()) / seconds;

      int64_t bytes = optimizer.state_bytes();
      for (const gs::Parameter& p : parameters) bytes += p.value_bytes() + p.index_bytes() + p.grad_bytes();
      result.state_bytes = std::max(result.state_bytes, bytes);
      if (step % report == 0 || step == last) {
        if (!options.save.empty()) checkpoint.save(options.save);
        std::printf("%-8s step %5lld   loss %.3f   validation %.3f   %.0f tokens/s\n", label,
                    static_cast<long long>(step), loss.item<double>(), validate(model, text, options, 64),
                    result.per_s);
        std::fflush(stdout);
      }
      if (step == last) break;
    }
  }
  result.validation_loss = validate(model, text, options, text.validation->size());
  double elements = 0;
  double zeros = 0;
  for (const gs::sparse::SparseParameter& p : sparsity.sparse_params()) {
    elements += static_cast<double>(p.param().numel());
    zeros += static_cast<double>(p.param().numel() - p.param().nnz());
  }
  if (elements > 0) result.sparsity = zeros / elements;
  return result;
}

// Prints what the model writes after the prompt and returns tokens per second.
double write(Gpt& model, const Text& text, const Options& options) {
  model.eval();
  const std::vector<int32_t> encoded = text.vocabulary.encode(options.prompt);
  const std::vector<int64_t> prompt(encoded.begin(), encoded.end());
  // The first tokens prepare the weights for products with one sample.
  gs::nn::generate(next_logits(model, 1), {prompt}, {.max_new_tokens = 2});
  std::printf("%s", options.prompt.c_str());
  const gs::metrics::Throughput throughput;
  const auto written =
      gs::nn::generate(next_logits(model, 1), {prompt},
                       {.max_new_tokens = options.generate, .sampling = options.sampling, .seed = options.seed});
  const double per_s = static_cast<double>(options.generate) / throughput.seconds();
  std::printf("%s\n\n", text.vocabulary.decode(written[0]).c_str());
  return per_s;
}

void print(const char* label, const Result& result) {
  std::printf(
      "%-8s validation loss %.4f (perplexity %.2f)   training %.0f tokens/s   generation %.0f tokens/s   "
      "%.1f MiB of weights, indices, gradients and states\n",
      label, result.validation_loss, std::exp(result.validation_loss), result.per_s, result.generate_per_s,
      static_cast<double>(result.state_bytes) / (1 << 20));
}

// A model from the seed, trained and let write.
Result run(gs::sparse::Group sparsity, const Text& text, const Options& options, const char* label) {
  gs::Generator rng(options.seed);
  Gpt model(options.model, rng);
  Result result = train(model, std::move(sparsity), text, options, label);
  std::printf("\n%s writes:\n", label);
  result.generate_per_s = write(model, text, options);
  return result;
}

void write_json(std::ofstream& file, const Result& dense, const Result& sparse) {
  const auto member = [&](const char* name, const Result& result) {
    file << "  \"" << name << "\": {\"per_s\": " << result.per_s << ", \"validation_loss\": " << result.validation_loss
         << ", \"state_bytes\": " << result.state_bytes << "},\n";
  };
  file << "{\n";
  member("dense", dense);
  member("sparse", sparse);
  file << "  \"sparsity\": " << sparse.sparsity << ",\n  \"generate\": {\"dense_per_s\": " << dense.generate_per_s
       << ", \"sparse_per_s\": " << sparse.generate_per_s << "}\n}\n";
}

void run(Options options) {
  std::ofstream json;
  if (!options.json.empty()) {
    json.open(options.json);
    if (!json) throw gs::ConfigError("--json must be a file that can be written; '" + options.json + "'");
  }
  const Text text = load(options);
  options.model.vocabulary = text.vocabulary.size();
  const auto number = [](int64_t n) { return static_cast<long long>(n); };
  std::printf("%lld layers, %lld wide, %lld heads, context %lld, batch %lld, AdamW, %lld steps, %d threads, %s\n\n",
              number(options.model.layers), number(options.model.dim), number(options.model.heads),
              number(options.model.context), number(options.batch), number(options.steps), gs::max_threads(),
              gs::simd_target().data());
  Result dense;
  if (options.demo) dense = run(gs::sparse::Group::none(), text, options, "dense");
  const Result sparse = run(make_sparsity(options), text, options, options.demo ? "sparse" : "model");
  if (options.demo) print("dense", dense);
  print(options.demo ? "sparse" : "model", sparse);
  if (options.demo) {
    std::printf("sparse against dense: %.2fx training, %.2fx generation, %.2fx memory, validation loss %+.1f %%\n",
                sparse.per_s / dense.per_s, sparse.generate_per_s / dense.generate_per_s,
                static_cast<double>(sparse.state_bytes) / static_cast<double>(dense.state_bytes),
                100 * (sparse.validation_loss / dense.validation_loss - 1));
  }
  if (json.is_open()) write_json(json, dense, sparse);
}

void add_options(CLI::App& app, Options& options) {
  const CLI::Range positive(int64_t{1}, int64_t{1} << 30);
  app.add_option("--data", options.data, "text files, UTF-8, plain or gzip, read as one text")->required();
  app.add_option("--sparsity", options.sparsity, "share of zeros in the blocks' weights, in [0, 1); 0: dense")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--algorithm", options.algorithm)->check(CLI::IsMember({"rigl", "static", "set", "gmp"}));
  app.add_option("--candidates", options.candidates, "rigl: for each connection; 0: growth by the gradient");
  app.add_option("--config", options.config, "YAML file in place of --sparsity and --algorithm");
  app.add_option("--steps", options.steps)->check(positive);
  app.add_option("--layers", options.model.layers)->check(positive);
  app.add_option("--dim", options.model.dim)->check(positive);
  app.add_option("--heads", options.model.heads)->check(positive);
  app.add_option("--context", options.model.context)->check(positive);
  app.add_option("--batch", options.batch)->check(positive);
  app.add_option("--dropout", options.model.dropout);
  app.add_flag("!--learned-positions", options.model.rotary, "in place of rotary ones");
  app.add_flag("!--untied", options.model.tied, "an output layer of its own");
  app.add_option("--lr", options.lr, "after warm-up; falls to a tenth along a cosine");
  app.add_option("--seed", options.seed, "of initial values, patterns, batches and samples")
      ->check(CLI::Range(int64_t{0}, std::numeric_limits<int64_t>::max()));
  app.add_option("--generate", options.generate, "characters to write in the end")->check(positive);
  app.add_option("--prompt", options.prompt, "what the model goes on from");
  app.add_option("--temperature", options.sampling.temperature, "0: always the most probable");
  app.add_option("--top-k", options.sampling.top_k, "draw from the k most probable; 0: all");
  app.add_option("--top-p", options.sampling.top_p, "draw from the most probable that reach p together");
  app.add_option("--threads", options.threads, "default: all cores")->check(CLI::PositiveNumber);
  CLI::Option* demo = app.add_flag("--demo", options.demo, "train dense as well, and compare");
  app.add_option("--json", options.json, "also write the figures of --demo to this file")->needs(demo);
  app.add_option("--save", options.save, "file for the run, after each tenth of the steps")->excludes(demo);
  app.add_option("--resume", options.resume, "a file of --save to go on from, with the same options")->excludes(demo);
  app.add_option("--stop-at", options.stop_at, "step to stop at; a run in pieces goes on by --resume")->check(positive);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Trains a small GPT on a text, character by character. A good text to begin with is tinyshakespeare, 1.1 MB:\n"
      "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
      "gpt");
  app.option_defaults()->always_capture_default();
  Options options;
  add_options(app, options);
  CLI11_PARSE(app, argc, argv);
  try {
    if (options.threads > 0) {
      gs::with_threads(options.threads, [&] { run(options); });
    } else {
      run(options);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gpt: %s\n", error.what());
    return 1;
  }
  return 0;
}
