#include "tests/soak/subject.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace gossamer::soak {

namespace {

constexpr double kLr = 0.05;
constexpr double kMomentum = 0.9;
constexpr double kDrop = 0.3;

// x / (1 + x^2): in float32 no rounding may decide which branch an element takes, as it could at the kink of ReLU.
struct Soft final : nn::Module {
  Tensor forward(const Tensor& x) override { return div(x, add_scalar(mul(x, x), 1)); }
  std::unique_ptr<nn::Module> clone() const override { return std::make_unique<Soft>(); }
};

[[noreturn]] void disagree(const std::string& what) { throw std::logic_error(what); }

std::vector<double> numbers(const Tensor& t) {
  const Tensor wide = t.to(DType::f64);
  return {wide.data<double>(), wide.data<double>() + wide.numel()};
}

std::vector<uint8_t> bits(const Tensor& mask) { return {mask.data<bool>(), mask.data<bool>() + mask.numel()}; }

Tensor mask_tensor(const std::vector<uint8_t>& mask, const Shape& shape) {
  Tensor t = Tensor::empty(shape, DType::boolean);
  std::ranges::copy(mask, t.mutable_data<bool>());
  return t;
}

std::vector<uint8_t> random_mask(Dice& dice, size_t size) {
  const double density = dice.any({0.0, 0.02, 0.1, 0.3, 0.6, 1.0});
  std::vector<uint8_t> mask(size);
  for (uint8_t& bit : mask) bit = dice.chance(density) ? 1 : 0;
  return mask;
}

std::vector<uint8_t> intersection(const std::vector<uint8_t>& a, const std::vector<uint8_t>& b) {
  std::vector<uint8_t> both(a.size());
  std::ranges::transform(a, b, both.begin(), [](uint8_t x, uint8_t y) -> uint8_t { return x && y ? 1 : 0; });
  return both;
}

void compare(const std::string& what, const std::vector<double>& ours, const std::vector<double>& expected,
             double tolerance) {
  if (ours.size() != expected.size()) disagree(what + ": another number of elements");
  for (size_t i = 0; i < ours.size(); ++i) {
    if (std::abs(ours[i] - expected[i]) <= tolerance * (1 + std::abs(expected[i]))) continue;
    std::ostringstream message;
    message.precision(17);
    message << what << ", element " << i << ": " << ours[i] << ", expected " << expected[i];
    disagree(message.str());
  }
}

// A slot array of the parameter as a dense matrix.
std::vector<double> spread(const Parameter& p, const Tensor& array) {
  return numbers(p.is_csr() ? p.pattern()->dense(array) : array);
}

template <class F>
void expect_refused(const std::string& what, F&& f) {
  try {
    f();
  } catch (const Error&) {
    return;
  }
  disagree(what + " was not refused");
}

std::string layer_name(size_t layer) { return "l" + std::to_string(layer); }

}  // namespace

Subject::Subject(Dice& dice) : dtype_(dice.chance(0.5) ? DType::f32 : DType::f64) {
  tolerance_ = dtype_ == DType::f32 ? 2e-4 : 1e-9;
  reference_.activation = dtype_ == DType::f32 || dice.chance(0.5) ? Activation::Soft : Activation::Relu;
  model_ = std::make_unique<nn::Sequential>();
  Generator rng(dice.key());
  const auto size = [&] { return dice.any<int64_t>({1, 2, 3, 7, 8, 16, 17, 31, 32, 33, 64, 65, 96, 130}); };
  int64_t in = size();
  const int64_t depth = 1 + dice.below(4);
  for (int64_t l = 0; l < depth; ++l) {
    const int64_t out = size();
    const bool bias = dice.chance(0.7);
    const double sparsity = dice.chance(0.4) ? dice.any({0.3, 0.8, 0.95}) : 0;
    if (l > 0 && reference_.activation == Activation::Relu)
      model_->append(nn::named("a" + std::to_string(l), nn::ReLU()));
    if (l > 0 && reference_.activation == Activation::Soft) model_->append(nn::named("a" + std::to_string(l), Soft()));
    model_->append(
        nn::named(layer_name(static_cast<size_t>(l)),
                  nn::Linear({.in = in, .out = out, .bias = bias, .sparsity = sparsity, .dtype = dtype_}, rng)));
    ReferenceLayer layer;
    layer.weight.resize(out, in);
    if (bias) layer.bias.resize(out, 1);
    reference_.layers.push_back(std::move(layer));
    in = out;
  }
  for_each_parameter([](const std::string&, const Parameter& p, ReferenceParameter& r) {
    r.mask = r.forward_mask = bits(p.mask());
    r.value = numbers(p.dense());
  });
  if (dice.chance(0.8)) optimizer_.emplace(model_->parameters(), optim::SgdOptions{.lr = kLr, .momentum = kMomentum});
  check();
}

template <class F>
void Subject::for_each_parameter(F&& f) {
  for (size_t l = 0; l < reference_.layers.size(); ++l) {
    auto& layer = dynamic_cast<nn::Linear&>((*model_)[layer_name(l)]);
    f(layer_name(l) + ".weight", layer.weight(), reference_.layers[l].weight);
    if (layer.bias().defined()) f(layer_name(l) + ".bias", layer.bias(), reference_.layers[l].bias);
  }
}

Parameter Subject::weight(Dice& dice, size_t& layer) const {
  layer = static_cast<size_t>(dice.below(static_cast<int64_t>(reference_.layers.size())));
  return dynamic_cast<nn::Linear&>((*model_)[layer_name(layer)]).weight();
}

void Subject::check() {
  for_each_parameter([&](const std::string& name, const Parameter& p, ReferenceParameter& r) {
    if (p.name() != name) disagree(name + " is called " + p.name());
    if (bits(p.mask()) != r.mask) disagree(name + ": another pattern");
    if (p.nnz() != r.nnz()) disagree(name + ": another nnz");
    compare(name, numbers(p.dense()), r.value, tolerance_);
    r.value = numbers(p.dense());
    if (p.grad().defined() == r.grad.empty()) disagree(name + ": a gradient where there is to be none, or none");
    if (p.grad().defined()) {
      compare("gradient of " + name, spread(p, p.grad()), r.grad, tolerance_);
      r.grad = spread(p, p.grad());
    }
    if (!optimizer_) return;
    const auto state = optimizer_->state(p);
    if (state.step() != r.updates) disagree(name + ": another number of updates");
    compare("momentum of " + name, spread(p, state["momentum_buffer"]), r.momentum, tolerance_);
    r.momentum = spread(p, state["momentum_buffer"]);
  });
}

// ---- Training ----

Subject::Sample Subject::sample(Dice& dice) const {
  const int64_t n = dice.any<int64_t>({1, 1, 2, 3, 5, 8, 9, 16, 31, 32, 33, 64, 65, 70});
  Sample s{Tensor::empty({n, reference_.layers.front().weight.cols}, dtype_),
           Tensor::empty({n, reference_.layers.back().weight.rows}, dtype_), n};
  fill_uniform(s.x, dice.key(), -1, 1);
  fill_uniform(s.target, dice.key(), -1, 1);
  return s;
}

Tensor Subject::loss_of(const Sample& s) const {
  const Tensor difference = sub((*model_)(s.x), s.target);
  return mean(mul(difference, difference));
}

void Subject::check_output(const Tensor& y, const std::vector<double>& expected) const {
  compare("output", numbers(y), expected, tolerance_);
}

void Subject::evaluate(Dice& dice) {
  const NoGrad no_grad;
  const Sample s = sample(dice);
  check_output((*model_)(s.x), reference_.forward(numbers(s.x), s.n));
}

void Subject::backward(Dice& dice) {
  const Sample s = sample(dice);
  const Tensor loss = loss_of(s);
  loss.backward();
  const double expected = reference_.backward(numbers(s.x), numbers(s.target), s.n);
  compare("loss", numbers(loss), {expected}, tolerance_);
  check();
}

void Subject::train(Dice& dice) {
  backward(dice);
  if (!optimizer_) return;
  reference_.step(kLr, kMomentum);
  optimizer_->step();
  follow_patterns(drops_by_magnitude_);
  check();
  if (dice.chance(0.8)) zero_grad();
}

void Subject::follow_patterns(bool by_magnitude) {
  for_each_parameter([&](const std::string& name, const Parameter& p, ReferenceParameter& r) {
    const std::vector<uint8_t> mask = bits(p.mask());
    if (mask != r.mask) {
      if (by_magnitude) {
        std::vector<double> live;
        for (size_t i = 0; i < mask.size(); ++i) {
          if (r.mask[i]) live.push_back(std::abs(r.value[i]));
        }
        std::ranges::sort(live, std::greater{});
        const auto keep = static_cast<size_t>((1.0F - static_cast<float>(kDrop)) * static_cast<float>(live.size()));
        for (size_t i = 0; i < mask.size() && keep > 0; ++i) {
          if (r.mask[i] && !mask[i] && std::abs(r.value[i]) > live[keep - 1] + tolerance_) {
            disagree(name + ": a connection was dropped that is among the largest");
          }
        }
      }
      r.change_mask(mask);
    }
    r.forward_mask = p.forward_pattern() ? bits(p.forward_pattern()->mask()) : r.mask;
  });
}

void Subject::clip(Dice& dice) {
  const double limit = dice.any({1e-3, 0.1, 10.0});
  double sum = 0;
  for_each_parameter([&](const std::string&, const Parameter&, ReferenceParameter& r) {
    for (const double g : r.grad) sum += g * g;
  });
  const double norm = optim::clip_grad_norm(model_->parameters(), limit);
  compare("norm", {norm}, {std::sqrt(sum)}, tolerance_);
  const double scale = std::min(1.0, limit / (std::sqrt(sum) + 1e-6));
  for_each_parameter([&](const std::string&, const Parameter&, ReferenceParameter& r) {
    for (double& g : r.grad) g *= scale;
  });
  check();
}

void Subject::zero_grad() {
  model_->zero_grad();
  reference_.zero_grad();
  check();
}

// ---- Patterns ----

void Subject::change_pattern(Dice& dice) {
  size_t layer = 0;
  const Parameter p = weight(dice, layer);
  ReferenceParameter& r = reference_.layers[layer].weight;
  const std::vector<uint8_t> mask = random_mask(dice, r.mask.size());
  const auto pattern = CsrPattern::from_mask(mask_tensor(mask, p.shape()));
  r.change_mask(mask);
  switch (dice.below(4)) {
    case 0:
      p.apply({pattern});
      break;
    case 1:
      p.apply(TopologyChange::between(*p.topology(), pattern));
      break;
    case 2:
      sparse::SparseParameter("w", p).set_mask(mask_tensor(mask, p.shape()));
      break;
    default: {
      Tensor value = Tensor::empty(p.shape(), dtype_);
      fill_uniform(value, dice.key(), -1, 1);
      p.assign(value, pattern);
      r.value = numbers(value);
      for (size_t i = 0; i < mask.size(); ++i) r.value[i] = mask[i] ? r.value[i] : 0;
      r.grad.clear();
    }
  }
  check();
}

void Subject::restrict_forward(Dice& dice) {
  size_t layer = 0;
  const Parameter p = weight(dice, layer);
  ReferenceParameter& r = reference_.layers[layer].weight;
  const std::vector<uint8_t> subset = intersection(r.mask, random_mask(dice, r.mask.size()));
  const auto pattern = CsrPattern::from_mask(mask_tensor(subset, p.shape()));
  if (!p.is_csr()) {
    expect_refused("a forward pattern of a dense parameter", [&] { p.set_forward_pattern(pattern); });
  } else if (dice.chance(0.3)) {
    p.set_forward_pattern(nullptr);
    r.forward_mask = r.mask;
  } else {
    p.set_forward_pattern(pattern);
    r.forward_mask = subset;
  }
  check();
}

void Subject::set_execution(Dice& dice) {
  size_t layer = 0;
  weight(dice, layer).set_execution(dice.any({Execution::Auto, Execution::Csr, Execution::Dense}));
}

void Subject::apply_algorithm(Dice& dice) {
  if (algorithm_) return;
  const sparse::Sparsity sparsity = dice.any({0.2, 0.5, 0.9});
  const UpdateSchedule update = {.freq = 1 + dice.below(3)};
  const uint64_t seed = dice.key();
  const sparse::Cubic cubic{.init = 0.1, .final = 0.9, .start = 0, .end = 20};
  drops_by_magnitude_ = false;
  switch (dice.below(6)) {
    case 0:
      algorithm_ = std::make_unique<sparse::Static>(sparse::StaticOptions{.sparsity = sparsity, .seed = seed});
      break;
    case 1:
      algorithm_ = std::make_unique<sparse::SET>(
          sparse::SETOptions{.sparsity = sparsity, .drop_fraction = kDrop, .update = update, .seed = seed});
      drops_by_magnitude_ = true;
      break;
    case 2:
      algorithm_ = std::make_unique<sparse::RigL>(
          sparse::RigLOptions{.sparsity = sparsity, .drop_fraction = kDrop, .update = update, .seed = seed});
      drops_by_magnitude_ = true;
      break;
    case 3:
      algorithm_ = std::make_unique<sparse::GMP>(sparse::GMPOptions{.sparsity = cubic, .update = update, .seed = seed});
      break;
    case 4:
      algorithm_ = std::make_unique<sparse::TopKAST>(
          sparse::TopKASTOptions{.sparsity = 0.5, .forward_sparsity = 0.8, .update = update, .seed = seed});
      break;
    default:
      algorithm_ = std::make_unique<sparse::Group>(std::initializer_list<sparse::GroupEntry>{
          {"l0.weight", sparse::RigL({.sparsity = sparsity, .update = update, .seed = seed})},
          {"l1.*", sparse::SET({.sparsity = sparsity, .update = update, .seed = seed})}});
  }
  model_->apply(*algorithm_);
  if (optimizer_ && algorithm_->num_sparse_params() > 0) optimizer_->apply(*algorithm_);
  follow_patterns(false);
  check();
}

// ---- States and lives ----

void Subject::save() { saved_ = model_->state_dict(); }

void Subject::load() {
  if (!saved_) return;
  // A parameter that became CSR since has no mask in the dict, and a strict load refuses it.
  for (const auto& [name, p] : model_->named_parameters()) {
    if (p.is_csr() && !saved_->contains(name + "_mask"))
      return expect_refused("a dict without masks", [&] { model_->load_state_dict(*saved_); });
  }
  model_->load_state_dict(*saved_);
  for_each_parameter([&](const std::string& name, const Parameter&, ReferenceParameter& r) {
    const auto mask = saved_->find(name + "_mask");
    r.change_mask(mask == saved_->end() ? std::vector<uint8_t>(r.mask.size(), 1) : bits(mask->second));
    r.value = numbers(saved_->at(name));
    r.grad.clear();
  });
  check();
}

void Subject::save_and_load_optimizer() {
  if (!optimizer_) return;
  optimizer_->load_state_dict(optimizer_->state_dict());
  check();
}

void Subject::move_everything() {
  model_ = std::make_unique<nn::Sequential>(std::move(*model_));
  if (optimizer_) {
    optim::SGD moved(std::move(*optimizer_));
    optimizer_.emplace(std::move(moved));
  }
  check();
}

void Subject::replace_optimizer(Dice& dice) {
  optimizer_.reset();
  for_each_parameter([](const std::string&, const Parameter&, ReferenceParameter& r) {
    std::ranges::fill(r.momentum, 0);
    r.updates = 0;
  });
  if (dice.chance(0.9)) {
    optimizer_.emplace(model_->parameters(), optim::SgdOptions{.lr = kLr, .momentum = kMomentum});
    if (algorithm_ && algorithm_->num_sparse_params() > 0) optimizer_->apply(*algorithm_);
  }
  check();
}

void Subject::drop_algorithm() {
  algorithm_.reset();
  drops_by_magnitude_ = false;
  check();
}

std::unique_ptr<Subject> Subject::clone() const {
  std::unique_ptr<Subject> copy(new Subject());
  copy->dtype_ = dtype_;
  copy->tolerance_ = tolerance_;
  copy->reference_ = reference_;
  copy->reference_.zero_grad();
  std::unique_ptr<nn::Module> module = model_->clone();
  copy->model_.reset(&dynamic_cast<nn::Sequential&>(*module));
  static_cast<void>(module.release());
  copy->check();
  return copy;
}

void Subject::destroy(std::unique_ptr<Subject> subject, Dice& dice) {
  Tensor loss = subject->loss_of(subject->sample(dice));
  std::vector<int> order{0, 1, 2, 3};
  for (size_t i = order.size() - 1; i > 0; --i)
    std::swap(order[i], order[static_cast<size_t>(dice.below(static_cast<int64_t>(i + 1)))]);
  // A step may find that RigL has nothing to grow by, and the graph that a step has written to what it saved.
  const auto tolerate = [](const auto& f) {
    try {
      f();
    } catch (const StateError&) {
    }
  };
  for (const int which : order) {
    if (which == 0) subject->model_.reset();
    if (which == 1) subject->optimizer_.reset();
    if (which == 2) subject->algorithm_.reset();
    if (which == 3) tolerate([graph = std::exchange(loss, {})] { graph.backward(); });
    if (subject->optimizer_) tolerate([&] { subject->optimizer_->step(); });
  }
}

// ---- What must be refused ----

void Subject::misuse(Dice& dice) {
  size_t layer = 0;
  const Parameter p = weight(dice, layer);
  const MatrixSize size = as_matrix(p.shape());
  const auto wider = CsrPattern::full(size.rows, size.cols + 1);
  switch (dice.below(9)) {
    case 0:
      expect_refused("an input of another width", [&] {
        (*model_)(Tensor::zeros({2, reference_.layers.front().weight.cols + 1}, dtype_));
      });
      break;
    case 1:
      expect_refused("a pattern of another size", [&] { p.apply({wider}); });
      break;
    case 2:
      expect_refused("a change without a pattern", [&] { p.apply({}); });
      break;
    case 3:
      expect_refused("a source out of range", [&] {
        p.apply({CsrPattern::full(size.rows, size.cols),
                 std::vector<int64_t>(static_cast<size_t>(size.rows * size.cols), p.nnz())});
      });
      break;
    case 4:
      expect_refused("a value of another shape", [&] { p.assign(Tensor::zeros({1, 1, 1}, dtype_), nullptr); });
      break;
    case 5:
      expect_refused("an empty state", [&] { model_->load_state_dict({}); });
      break;
    case 6:
      expect_refused("a backward pass from several elements", [&] {
        mul_scalar((*model_)(Tensor::zeros({2, reference_.layers.front().weight.cols}, dtype_)), 2)
            .backward(Tensor::zeros({1, 1, 1}, dtype_));
      });
      break;
    case 7:
      expect_refused("a negative norm", [&] { optim::clip_grad_norm(model_->parameters(), -1); });
      break;
    default:
      if (optimizer_) expect_refused("an empty optimizer state", [&] { optimizer_->load_state_dict({}); });
  }
  check();
}

void Subject::walk_stale_graph(Dice& dice) {
  const Tensor loss = loss_of(sample(dice));
  change_pattern(dice);
  expect_refused("a graph of an older pattern", [&] { loss.backward(); });
  check();
}

}  // namespace gossamer::soak
