// Makes the mistakes that the pages of docs/howto warn about, and prints what the library says: page, tab, message.
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gossamer/gossamer.h"

namespace gs = gossamer;
namespace gd = gs::data;
namespace sp = gs::sparse;

namespace {

struct Page {
  std::string_view name;

  // What f throws, after what it warns about.
  template <class F>
  void mistake(F&& f) const {
    gs::set_log_callback([this](gs::LogLevel level, std::string_view message) {
      if (level == gs::LogLevel::Warning) say(message);
    });
    try {
      f();
    } catch (const gs::Error& error) {
      say(error.what());
    }
    gs::set_log_callback({});
  }

  void say(std::string_view message) const {
    std::printf("%.*s\t%.*s\n", static_cast<int>(name.size()), name.data(), static_cast<int>(message.size()),
                message.data());
  }
};

const char* csv(const char* text) {
  std::ofstream("rows.csv") << text;
  return "rows.csv";
}

// What the pages call act.beta in own-operation.md.
class Scale final : public gs::nn::Cloneable<Scale> {
 public:
  Scale() { register_parameter("beta", beta_); }
  gs::Tensor forward(const gs::Tensor& x) override { return x * beta_.tensor(); }

 private:
  gs::Parameter beta_{gs::Tensor::from({1.0})};
};

gs::nn::Sequential network() {
  gs::Generator rng(1);
  return gs::nn::Sequential{gs::nn::named("fc1", gs::nn::Linear({.in = 8, .out = 64}, rng)),
                            gs::nn::named("act", Scale()),
                            gs::nn::named("fc2", gs::nn::Linear({.in = 64, .out = 3}, rng))};
}

void own_data() {
  const Page page{"own-data"};
  gs::nn::Sequential model = network();
  const gs::Tensor logits = model(gs::Tensor::zeros({64, 8}));
  page.mistake([] { gd::load_csv(csv("5.1,3.5,0\n4.9,3.0,1\n")); });
  page.mistake([] { gd::load_csv(csv("s0,s1,state\n5.1,3.5,0\n4.9,n/a,1\n")); });
  page.mistake([] { gd::load_csv(csv("s0,s1,state\n5.1,3.5,0\n"), {.label = "sate"}); });
  page.mistake([] { gd::load_csv(csv("s0,s1,price\n5.1,3.5,0.75\n")); });
  page.mistake([&] { (void)gs::cross_entropy(logits, gs::Tensor::full({64}, 3, gs::DType::i64)); });
  page.mistake([&] { (void)gs::cross_entropy(logits, gs::Tensor::zeros({64})); });
  page.mistake([&] { (void)model(gd::parse_csv("s0,s1,s2,s3,s4,s5,s6,s7\n1,2,3,4,5,6,7,8\n").values); });
  page.mistake([] { (void)gs::Tensor::from(std::vector<float>(20), {3, 8}); });
  page.mistake([] {
    gd::DataLoader loader(gd::make_blobs({.samples = 64, .features = 8}),
                          {.batch_size = 64, .transform = gd::Normalize({.mean = {20}, .std = {5}})});
    for (const auto& batch : loader) (void)batch;
  });
  page.mistake([] { gd::random_split(gd::make_blobs({.samples = 3000}), {2400, 500}, 1); });
}

class Mistaken final : public sp::DynamicSparsityAlgorithm {
 public:
  enum class Kind { Scores, DenseGradient, Nothing };
  Mistaken(sp::SparsitySettings settings, sp::UpdateSchedule update, Kind kind = Kind::Scores)
      : DynamicSparsityAlgorithm("Mistaken", std::move(settings), std::move(update)), kind_(kind) {}

 protected:
  gs::Tensor update_mask(const sp::SparseParameter& p, const gs::Tensor& mask, const sp::PlanContext&) override {
    if (kind_ == Kind::Scores) return gs::abs(p.data());
    if (kind_ == Kind::DenseGradient) return gs::gt(dense_gradient(p), gs::Tensor::zeros(mask.shape()));
    return gs::Tensor::zeros(mask.shape(), gs::DType::boolean);
  }

 private:
  Kind kind_;
};

void own_algorithm() {
  const Page page{"own-algorithm"};
  for (const auto kind : {Mistaken::Kind::Scores, Mistaken::Kind::DenseGradient, Mistaken::Kind::Nothing}) {
    page.mistake([&] {
      gs::nn::Sequential model = network();
      gs::optim::SGD optimizer(model.parameters(), {.lr = 0.1});
      sp::Group sparsity({{"fc1.weight", Mistaken({.sparsity = 0.5}, {.freq = 1}, kind)}});
      model.apply(sparsity);
      optimizer.apply(sparsity);
      gs::sum(model(gs::Tensor::ones({2, 8}))).backward();
      optimizer.step();
    });
  }
  page.mistake([] { (void)gs::CsrPattern::from_positions(2, 3, std::vector<int64_t>{4, 1}); });
  const auto make = [](sp::ConfigReader& reader) {
    return std::make_shared<Mistaken>(sp::read_settings(reader), sp::read_update(reader));
  };
  page.mistake([&] {
    sp::register_algorithm("contrary", make);
    sp::configure(sp::ConfigMap{{"algorithm", "contrary"}, {"sparsity", 0.9}, {"drop_fraction", 0.3}});
  });
  page.mistake([&] { sp::register_algorithm("Contrary", make); });
}

void train_sparse() {
  const Page page{"train-sparse"};
  const auto apply = [&](const char* glob, auto algorithm) {
    page.mistake([&] {
      gs::nn::Sequential model = network();
      sp::Group sparsity({{glob, std::move(algorithm)}});
      model.apply(sparsity);
    });
  };
  page.mistake([] {
    gs::nn::Sequential model = network();
    sp::Static sparsity(0.5);
    model.apply(sparsity);
  });
  apply("fc.weight", sp::Static(0.9));
  apply("fc1*", sp::Static(0.9));
  page.mistake([] { sp::RigL sparsity(90); });
  page.mistake([] { sp::GMP sparsity({.sparsity = 0.9}); });
  page.mistake([] {
    gs::nn::Sequential model = network();
    gs::optim::SGD optimizer(model.parameters(), {.lr = 0.1});
    sp::Group sparsity({{"fc1.weight", sp::SET(0.9)}});
    optimizer.apply(sparsity);
  });
  page.mistake([] {
    gs::nn::Sequential model = network();
    sp::SET first(0.5);
    sp::Static second(0.5);
    second.apply(std::vector<gs::Parameter>{model.named_parameters()[0].second});
    model.apply(first);
  });
  page.mistake([] {
    gs::nn::Sequential model = network();
    gs::optim::SGD optimizer(model.parameters(), {.lr = 0.1});
    sp::Group sparsity({{"fc1.weight", sp::RigL(0.9)}});
    model.apply(sparsity);
    for (int i = 0; i < 2; ++i) {
      gs::sum(model(gs::Tensor::ones({2, 8}))).backward();
      optimizer.step();
    }
  });
  page.mistake([] {
    gs::nn::Sequential model = network();
    gs::optim::SGD optimizer(model.parameters(), {.lr = 0.1});
    {
      sp::Group sparsity({{"fc1.weight", sp::RigL({.sparsity = 0.9, .update = {.freq = 100, .stop = 700}})}});
      model.apply(sparsity);
      optimizer.apply(sparsity);
    }
    gs::sum(model(gs::Tensor::ones({2, 8}))).backward();
    optimizer.step();
  });
  const sp::Cubic rising = {.init = 0, .final = 0.9, .start = 0, .end = 1000};
  apply("fc1.weight", sp::GMP({.sparsity = rising, .update = {.freq = 100, .stop = 800}}));
  apply("fc1.weight", sp::SET({.sparsity = 0.9, .update = {.freq = 100, .start = 100, .stop = 500}}));
  apply("fc1.weight", sp::RigL({.sparsity = 0.9, .update = {.freq = 1000, .stop = 800}}));
  apply("fc1.weight", sp::RigL({.sparsity = 0.9, .update = {.freq = 100, .start = 100}, .init_method = sp::topk}));
  page.mistake([] {
    gs::nn::Sequential model = network();
    sp::Group sparsity({{"fc1.weight", sp::Static(0.9)}});
    model.apply(sparsity);
    model.load_state_dict(network().state_dict());
  });
}

}  // namespace

int main() {
  own_data();
  own_algorithm();
  train_sparse();
}
