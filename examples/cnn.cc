// Trains a small residual network (cnn_model.h) on Fashion-MNIST, dense or sparse, and reports speed, accuracy and
// memory.
//   cnn --sparsity 0.9                  RigL at 90 %
//   cnn --config sparsity.yaml          what a configuration says (docs/sparsity.md)
//   cnn --demo --json figures.json      dense and sparse, compared
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "cnn_model.h"
#include "gossamer/gossamer.h"

namespace gs = gossamer;

namespace {

constexpr const char* kUsage = R"(usage: cnn [OPTIONS]
  --data FOLDER      the four IDX files of Fashion-MNIST   (where Debian's package puts them)
  --sparsity S       share of zeros in the blocks, [0, 1)  (0: dense; 0.9 with --demo or --algorithm)
  --algorithm NAME   rigl, static, set or gmp              (rigl)
  --config FILE      a YAML file of sparse::configure() in place of the two
  --width N          channels of the first stage           (32)
  --epochs N         passes over the training images       (3)
  --batch N          images of a step                      (128)
  --lr RATE          the largest of the one-cycle schedule (0.1)
  --seed N           of weights, order, crops and patterns (1)
  --threads N        threads                               (all cores)
  --demo             trains dense, then sparse, and compares
  --json FILE        also writes the figures to a file
  --save FILE        writes the run to a file after each epoch; not with --demo
  --resume FILE      goes on from such a file, with the same options
  --stop-at N        epochs to stop after                  (--epochs)
)";

constexpr double kMean = 0.2860;  // of the training pixels, and their standard deviation
constexpr double kStd = 0.3530;
constexpr int64_t kValidation = 5000;  // training images kept back

struct Options {
  std::string data;
  std::optional<double> sparsity;
  std::string algorithm;
  std::string config;
  int64_t width = cnn::NetOptions().width;
  int64_t epochs = 3;
  int64_t batch = 128;
  double lr = 0.1;
  int64_t seed = 1;
  int64_t threads = 0;
  bool demo = false;
  std::string json;
  std::string save;
  std::string resume;
  int64_t stop_at = 0;  // 0: after all epochs
};

template <class T>
T number(const std::string& name, const std::string& text, T low, T high) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= low && value <= high)) {
    throw std::invalid_argument(name + ": '" + text + "' is no number, or out of range; see --help");
  }
  return value;
}

Options parse(int argc, char** argv) {
  constexpr int64_t kMany = 1'000'000'000;
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--demo") {
      options.demo = true;
      continue;
    }
    if (i + 1 == argc) throw std::invalid_argument("'" + name + "' is unknown or lacks its value; see --help");
    const std::string value = argv[++i];
    if (name == "--data")
      options.data = value;
    else if (name == "--sparsity")
      options.sparsity = number(name, value, 0.0, 0.9999);
    else if (name == "--algorithm")
      options.algorithm = value;
    else if (name == "--config")
      options.config = value;
    else if (name == "--width")
      options.width = number<int64_t>(name, value, 1, 4096);
    else if (name == "--epochs")
      options.epochs = number<int64_t>(name, value, 1, kMany);
    else if (name == "--batch")
      options.batch = number<int64_t>(name, value, 2, kMany);
    else if (name == "--lr")
      options.lr = number(name, value, 0.0, 1e6);
    else if (name == "--seed")
      options.seed = number<int64_t>(name, value, 0, std::numeric_limits<int64_t>::max());
    else if (name == "--threads")
      options.threads = number<int64_t>(name, value, 1, 256);
    else if (name == "--json")
      options.json = value;
    else if (name == "--save")
      options.save = value;
    else if (name == "--resume")
      options.resume = value;
    else if (name == "--stop-at")
      options.stop_at = number<int64_t>(name, value, 1, kMany);
    else
      throw std::invalid_argument("'" + name + "' is unknown; see --help");
  }
  if (!options.config.empty() && (options.sparsity || !options.algorithm.empty())) {
    throw std::invalid_argument("--config takes the place of --sparsity and --algorithm; see --help");
  }
  if (options.demo && !(options.save.empty() && options.resume.empty())) {
    throw std::invalid_argument("--demo trains two networks, which --save and --resume do not; see --help");
  }
  return options;
}

// What the options ask for, in the form of a file: patterns move until three quarters of the training, as in
// docs/accuracy.md.
gs::Config sparsity_config(const Options& options, int64_t steps) {
  if (!options.config.empty()) return gs::load_yaml(options.config);
  const double sparsity = options.sparsity.value_or(options.demo || !options.algorithm.empty() ? 0.9 : 0);
  if (sparsity == 0) return {};
  const std::string algorithm = options.algorithm.empty() ? "rigl" : options.algorithm;
  const int64_t stop = std::max<int64_t>(3 * steps / 4, 1);
  gs::ConfigMap config{{"algorithm", algorithm}, {"param_filter", cnn::kSparseWeights}, {"seed", options.seed}};
  if (algorithm == "gmp") {
    config.emplace_back("sparsity", gs::ConfigMap{{"type", "cubic"},
                                                  {"init", 0},
                                                  {"final", sparsity},
                                                  {"start", steps / 8},
                                                  {"end", std::max<int64_t>(5 * steps / 8, steps / 8 + 1)}});
  } else {
    config.emplace_back("sparsity", sparsity);
  }
  if (algorithm == "rigl" || algorithm == "set") {
    config.emplace_back("drop_fraction", gs::ConfigMap{{"type", "cosine"}, {"init", 0.3}, {"half_period", stop}});
  }
  if (algorithm != "static") config.emplace_back("update", gs::ConfigMap{{"freq", 50}, {"stop", stop}});
  return config;
}

struct Data {
  std::shared_ptr<const gs::data::Dataset> train, validation, test;
};

Data load(const Options& options) {
  gs::data::FashionMnistOptions files = {.scale = {.mean = kMean, .std = kStd}};
  if (!options.data.empty()) files.folder = options.data;
  const auto fashion = gs::data::load_fashion_mnist(files);
  const auto parts = gs::data::random_split(fashion.train, {fashion.train->size() - kValidation, kValidation}, 1);
  return {parts[0], parts[1], fashion.test};
}

struct Figures {
  double per_s = 0;          // images, of training alone
  double test_accuracy = 0;  // share
  int64_t state_bytes = 0;   // most of values, indices, gradients and optimizer states
};

int64_t state_bytes(const std::vector<gs::Parameter>& parameters, const gs::optim::Optimizer& optimizer) {
  int64_t bytes = optimizer.state_bytes();
  for (const gs::Parameter& p : parameters) bytes += p.value_bytes() + p.index_bytes() + p.grad_bytes();
  return bytes;
}

double accuracy(cnn::Net& net, const std::shared_ptr<const gs::data::Dataset>& images) {
  const gs::NoGrad no_grad;
  net.eval();
  gs::data::DataLoader loader(images, {.batch_size = 250, .shuffle = false});
  gs::metrics::Accuracy accuracy;
  for (const auto& batch : loader) accuracy.add(net(batch.x), batch.y);
  net.train();
  return accuracy.value();
}

Figures train(cnn::Net& net, gs::sparse::Group& sparsity, const Data& data, const Options& options) {
  const std::vector<gs::Parameter> parameters = net.parameters();
  gs::optim::SGD optimizer(parameters, {.lr = options.lr, .momentum = 0.9, .weight_decay = 5e-4, .nesterov = true});
  net.apply(sparsity);        // the matching weights become CSR
  optimizer.apply(sparsity);  // step() then moves their connections

  using namespace gs::data;
  DataLoader loader(data.train,
                    {.batch_size = options.batch,
                     .drop_last = true,
                     .seed = static_cast<uint64_t>(options.seed),
                     .transform = Compose({RandomCrop({.height = 28, .width = 28, .padding = 2, .fill = -kMean / kStd}),
                                           RandomHorizontalFlip()})});
  const int64_t steps = options.epochs * loader.size();
  gs::optim::LrScheduler scheduler(optimizer, gs::optim::lr::OneCycle{.max_lr = options.lr, .total_steps = steps});
  int64_t step = 0;
  gs::train::Checkpoint run;
  run.add("model", net).add("optimizer", optimizer).add("sparsity", sparsity).add("schedule", scheduler);
  run.add("loader", loader).add("step", step);
  if (!options.resume.empty()) run.load(options.resume);
  const int64_t last = options.stop_at > 0 ? std::min(options.stop_at, options.epochs) : options.epochs;
  Figures figures;
  double seconds = 0;
  int64_t images = 0;
  for (int64_t epoch = loader.epoch() + 1; epoch <= last; ++epoch) {
    gs::metrics::Throughput throughput;
    gs::metrics::Mean loss_mean;
    for (const Batch& batch : loader) {
      const gs::Tensor loss = cross_entropy(net(batch.x), batch.y);
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      scheduler.step(optimizer);

      figures.state_bytes = std::max(figures.state_bytes, state_bytes(parameters, optimizer));
      throughput.add(batch.x.dim(0));
      loss_mean.add(loss, batch.x.dim(0));
      if (++step % 100 == 0) {
        std::printf("  step %lld of %lld: loss %.3f, %.0f images/s\n", static_cast<long long>(step),
                    static_cast<long long>(steps), loss_mean.value(), throughput.value());
        std::fflush(stdout);
      }
    }
    seconds += throughput.seconds();
    images += throughput.items();
    std::printf("epoch %lld: loss %.3f, validation accuracy %.2f %%, %.0f images/s\n", static_cast<long long>(epoch),
                loss_mean.value(), 100 * accuracy(net, data.validation), throughput.value());
    std::fflush(stdout);
    if (!options.save.empty()) run.save(options.save);
  }
  if (images > 0) figures.per_s = static_cast<double>(images) / seconds;
  figures.test_accuracy = accuracy(net, data.test);
  return figures;
}

// The share of zeros in what is pruned.
double pruned_share(const gs::sparse::Group& sparsity) {
  double elements = 0;
  double connections = 0;
  for (const auto& p : sparsity.sparse_params()) {
    elements += static_cast<double>(p.param().numel());
    connections += static_cast<double>(p.param().nnz());
  }
  return elements == 0 ? 0 : 1 - connections / elements;
}

// Images per second, one at a time, as an application meets them; the networks take turns.
std::vector<double> inference_rates(const std::vector<cnn::Net*>& nets, const Data& data) {
  constexpr int64_t kTurns = 20;
  constexpr int64_t kImages = 10;  // of a turn
  const gs::NoGrad no_grad;
  std::vector<gs::metrics::Throughput> rates(nets.size());
  std::vector<double> seconds(nets.size());
  for (cnn::Net* net : nets) net->eval();
  for (int64_t turn = 0; turn < kTurns; ++turn) {
    std::vector<gs::Tensor> images;
    for (int64_t i = 0; i < kImages; ++i) images.push_back(data.test->gather(std::vector{turn * kImages + i}).x);
    for (size_t i = 0; i < nets.size(); ++i) {
      const gs::metrics::Throughput clock;
      for (const gs::Tensor& image : images) static_cast<void>((*nets[i])(image));
      seconds[i] += clock.seconds();
    }
  }
  for (double& s : seconds) s = static_cast<double>(kTurns * kImages) / s;
  return seconds;
}

std::string json(const Figures& f) {
  char text[160];
  std::snprintf(text, sizeof text, R"({"per_s": %.1f, "test_accuracy": %.4f, "state_bytes": %lld})", f.per_s,
                f.test_accuracy, static_cast<long long>(f.state_bytes));
  return text;
}

void print(const char* name, const Figures& f) {
  std::printf("%-7s %8.0f images/s   test accuracy %.2f %%   %.2f MiB of weights, indices, gradients and states\n",
              name, f.per_s, 100 * f.test_accuracy, static_cast<double>(f.state_bytes) / (1 << 20));
}

void run(const Options& options) {
  std::ofstream file;
  if (!options.json.empty()) {
    file.open(options.json);
    if (!file) throw std::runtime_error("--json: '" + options.json + "' cannot be written");
  }
  const Data data = load(options);
  gs::sparse::Group none = gs::sparse::Group::none();
  gs::sparse::Group sparsity =
      gs::sparse::configure(sparsity_config(options, options.epochs * (data.train->size() / options.batch)));
  const auto train_from_seed = [&](gs::sparse::Group& group, const char* name, cnn::Net& net) {
    std::printf("%s: %lld epochs, %d threads, %s\n", name, static_cast<long long>(options.epochs), gs::max_threads(),
                std::string(gs::simd_target()).c_str());
    std::fflush(stdout);
    return train(net, group, data, options);
  };
  const auto make_net = [&] {
    gs::Generator rng(static_cast<uint64_t>(options.seed));
    return cnn::Net({.width = options.width}, rng);
  };

  cnn::Net net = make_net();
  std::string text;
  if (options.demo) {
    cnn::Net dense_net = make_net();
    const Figures dense = train_from_seed(none, "dense", dense_net);
    const Figures sparse = train_from_seed(sparsity, "sparse", net);
    const std::vector<double> rates = inference_rates({&dense_net, &net}, data);
    std::printf("\n%s\n", gs::sparse::SparsitySummary(net.parameters()).table().c_str());
    print("dense", dense);
    print("sparse", sparse);
    std::printf(
        "sparse trains %.2f times as fast in %.2f of the memory; images one at a time: %.0f/s dense, %.0f/s sparse\n",
        sparse.per_s / dense.per_s, static_cast<double>(sparse.state_bytes) / static_cast<double>(dense.state_bytes),
        rates[0], rates[1]);
    char rest[160];
    std::snprintf(rest, sizeof rest, R"("sparsity": %.4g, "generate": {"dense_per_s": %.1f, "sparse_per_s": %.1f})",
                  pruned_share(sparsity), rates[0], rates[1]);
    text = "{\"dense\": " + json(dense) + ", \"sparse\": " + json(sparse) + ", " + rest + "}\n";
  } else {
    const char* name = sparsity.size() > 0 ? "sparse" : "dense";
    const Figures figures = train_from_seed(sparsity, name, net);
    std::printf("\n%s\n", gs::sparse::SparsitySummary(net.parameters()).table().c_str());
    print(name, figures);
    char rest[64];
    std::snprintf(rest, sizeof rest, R"("sparsity": %.4g)", pruned_share(sparsity));
    text = std::string("{\"") + name + "\": " + json(figures) + ", " + rest + "}\n";
  }
  if (options.json.empty()) return;
  file << text << std::flush;
  if (!file) throw std::runtime_error("--json: '" + options.json + "' cannot be written");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (std::find(argv, argv + argc, std::string("--help")) != argv + argc) {
      std::fputs(kUsage, stdout);
      return 0;
    }
    const Options options = parse(argc, argv);
    const int threads = options.threads > 0 ? static_cast<int>(options.threads) : gs::max_threads();
    gs::with_threads(threads, [&] { run(options); });
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cnn: %s\n", error.what());
    return 1;
  }
  return 0;
}
