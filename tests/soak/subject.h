// A model of the library with its optimizer, its sparsity algorithm and its reference, and all that may be done to
// them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "gossamer/gossamer.h"
#include "tests/soak/reference.h"

namespace gossamer::soak {

// Numbers of the sequence that decides everything; a function of the seed.
class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed) {}

  int64_t below(int64_t n) { return static_cast<int64_t>(engine_() % static_cast<uint64_t>(n)); }
  double unit() { return static_cast<double>(engine_() >> 11) * 0x1.0p-53; }
  bool chance(double p) { return unit() < p; }
  uint64_t key() { return engine_(); }
  template <class T>
  T any(std::initializer_list<T> choices) {
    return choices.begin()[below(static_cast<int64_t>(choices.size()))];
  }

 private:
  std::mt19937_64 engine_;
};

// Every function throws std::logic_error where the library and the reference disagree.
class Subject {
 public:
  explicit Subject(Dice& dice);

  // ---- Training ----
  void evaluate(Dice& dice);
  void backward(Dice& dice);
  void train(Dice& dice);
  void clip(Dice& dice);
  void zero_grad();

  // ---- Patterns ----
  void change_pattern(Dice& dice);
  void restrict_forward(Dice& dice);
  void set_execution(Dice& dice);
  void apply_algorithm(Dice& dice);

  // ---- States and lives ----
  void save();
  void load();
  void save_and_load_optimizer();
  void move_everything();
  void replace_optimizer(Dice& dice);
  void drop_algorithm();
  std::unique_ptr<Subject> clone() const;
  // Destroys model, optimizer and algorithm in an order of chance while a graph is alive, and walks the graph then.
  static void destroy(std::unique_ptr<Subject> subject, Dice& dice);

  // ---- What must be refused ----
  void misuse(Dice& dice);
  void walk_stale_graph(Dice& dice);

  // Patterns, values, gradients and momenta are those of the reference, which then takes over the library's rounding.
  void check();

 private:
  struct Sample {
    Tensor x;
    Tensor target;
    int64_t n;
  };
  Subject() = default;

  Sample sample(Dice& dice) const;
  Tensor loss_of(const Sample& sample) const;
  void check_output(const Tensor& y, const std::vector<double>& expected) const;
  void follow_patterns(bool by_magnitude);
  Parameter weight(Dice& dice, size_t& layer) const;
  template <class F>
  void for_each_parameter(F&& f);

  DType dtype_ = DType::f32;
  double tolerance_ = 0;
  Reference reference_;
  std::unique_ptr<nn::Sequential> model_;
  std::optional<optim::SGD> optimizer_;
  std::unique_ptr<sparse::SparsityAlgorithm> algorithm_;
  bool drops_by_magnitude_ = false;  // the algorithm drops 30 % of each weight's connections, those of least magnitude
  std::optional<decltype(std::declval<nn::Module>().state_dict())> saved_;
};

}  // namespace gossamer::soak
