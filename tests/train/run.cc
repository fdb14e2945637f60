#include "tests/train/run.h"

#include <algorithm>
#include <cstring>

namespace gossamer::train::test {

namespace {

template <class Rule>
std::unique_ptr<optim::Optimizer> make_rule(const std::vector<Parameter>& parameters) {
  typename Rule::Options options;
  options.lr = 0.02;
  if constexpr (requires { options.momentum; }) options.momentum = 0.9;
  return std::make_unique<optim::RuleOptimizer<Rule>>(parameters, options);
}

using Make = std::unique_ptr<optim::Optimizer> (*)(const std::vector<Parameter>&);

const std::vector<std::pair<std::string, Make>>& optimizers() {
  using namespace optim;
  static const auto* const table = new std::vector<std::pair<std::string, Make>>{
      {"SGD", make_rule<SgdRule>},         {"Adam", make_rule<AdamRule>},       {"AdamW", make_rule<AdamWRule>},
      {"RMSprop", make_rule<RmspropRule>}, {"Adagrad", make_rule<AdagradRule>}, {"Adadelta", make_rule<AdadeltaRule>},
      {"Adamax", make_rule<AdamaxRule>},   {"NAdam", make_rule<NAdamRule>},     {"RAdam", make_rule<RAdamRule>},
      {"ASGD", make_rule<AsgdRule>},       {"Rprop", make_rule<RpropRule>},     {"Lion", make_rule<LionRule>},
  };
  return *table;
}

Tensor uniform(const Shape& shape, uint64_t key) {
  Tensor x = Tensor::empty(shape);
  fill_uniform(x, key, -1, 1);
  return x;
}

nn::Sequential make_model(uint64_t seed) {
  Generator rng(seed);
  return nn::Sequential{nn::named("fc1", nn::Linear({.in = 12, .out = 20}, rng)),
                        nn::named("bn", nn::BatchNorm1d({.channels = 20})), nn::named("act", nn::ReLU()),
                        nn::named("dropout", nn::Dropout({.p = 0.3, .key = 17}, rng)),
                        nn::named("fc2", nn::Linear({.in = 20, .out = 4}, rng))};
}

sparse::Group make_sparsity(const golden::Json& algorithm) {
  return sparse::configure(gossamer::test::config_from_json(algorithm));
}

std::shared_ptr<const data::Dataset> make_dataset() {
  Tensor y = Tensor::empty({19}, DType::i64);
  for (int64_t i = 0; i < 19; ++i) y.mutable_data<int64_t>()[i] = i % 4;
  return std::make_shared<data::TensorDataset>(uniform({19, 12}, 3), y);
}

void add(std::string& digest, const Tensor& tensor) {
  if (!tensor.defined()) {
    digest += "-;";
    return;
  }
  digest += tensor.shape().to_string();
  const auto bytes = [&]<class T>() {
    digest.append(reinterpret_cast<const char*>(tensor.data<T>()), static_cast<size_t>(tensor.bytes()));
  };
  if (tensor.dtype() == DType::f32) bytes.operator()<float>();
  if (tensor.dtype() == DType::i64) bytes.operator()<int64_t>();
  if (tensor.dtype() == DType::boolean) bytes.operator()<bool>();
  digest += ";";
}

template <class T>
void add_number(std::string& digest, T number) {
  digest.append(reinterpret_cast<const char*>(&number), sizeof number);
  digest += ";";
}

}  // namespace

std::unique_ptr<optim::Optimizer> make_optimizer(const std::string& name, const std::vector<Parameter>& parameters) {
  return std::ranges::find(optimizers(), name, &std::pair<std::string, Make>::first)->second(parameters);
}

const std::vector<std::string>& optimizer_names() {
  static const auto* const names = [] {
    auto* all = new std::vector<std::string>;
    for (const auto& [name, make] : optimizers()) all->push_back(name);
    return all;
  }();
  return *names;
}

TinyRun::TinyRun(const golden::Json& algorithm, const std::string& optimizer_name, uint64_t seed)
    : rng(seed),
      model(make_model(seed)),
      optimizer(make_optimizer(optimizer_name, model.parameters())),
      sparsity(make_sparsity(algorithm)),
      scheduler(*optimizer, optim::lr::CosineAnnealing{.t_max = 20}),
      ema(model.parameters(), {.decay = 0.9, .warm_up = true}),
      itop((model.apply(sparsity), std::vector{model.parameters().front()})),
      loader(make_dataset(), {.batch_size = 4, .seed = 5}) {
  optimizer->apply(sparsity);
  checkpoint.add("model", model).add("optimizer", *optimizer).add("sparsity", sparsity).add("schedule", scheduler);
  checkpoint.add("plateau", plateau).add("ema", ema).add("itop", itop).add("loader", loader).add("rng", rng);
  checkpoint.add("step", step).add("best_loss", best_loss);
}

void TinyRun::take_step(const data::Batch& batch) {
  const Tensor noisy = batch.x + uniform(batch.x.shape(), rng.next_key());
  const Tensor loss = cross_entropy(model(noisy), batch.y);
  optimizer->zero_grad();
  loss.backward();
  optimizer->step();
  scheduler.step(*optimizer);
  plateau.step(*optimizer, loss.item<double>());
  ema.update();
  itop.record();
  ++step;
  losses.push_back(loss.item<double>());
  best_loss = std::min(best_loss, losses.back());
}

std::string TinyRun::digest() const {
  std::string digest;
  for (const auto& [name, p] : model.named_parameters()) {
    digest += name;
    add(digest, p.dense());
    add(digest, p.mask());
    add(digest, p.forward_pattern() ? p.forward_pattern()->mask().alias(p.shape()) : Tensor());
    add(digest, ema.average(p));
    for (const std::string& state : optimizer->state(p).names()) {
      const Tensor values = optimizer->state(p)[state];
      add(digest, p.is_csr() ? p.pattern()->to_canonical(values) : values);
    }
    add_number(digest, optimizer->state(p).step());
  }
  for (const auto& [name, buffer] : model.named_buffers()) add(digest, buffer);
  for (size_t group = 0; group < optimizer->num_param_groups(); ++group) add_number(digest, optimizer->lr(group));
  for (const auto& [name, tensor] : sparsity.state_dict()) {
    digest += name;
    add(digest, tensor);
  }
  for (const auto& [name, tensor] : loader.state_dict()) add(digest, tensor);
  add_number(digest, rng.seed());
  add_number(digest, rng.count());
  add_number(digest, scheduler.steps());
  add_number(digest, plateau.best());
  add_number(digest, ema.num_updates());
  add_number(digest, itop.rate());
  add_number(digest, step);
  add_number(digest, best_loss);
  return digest;
}

}  // namespace gossamer::train::test
