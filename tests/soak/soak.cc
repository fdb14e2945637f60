// Random operations on random models against a plain reference: everything that a program can do to a model, its
// optimizer and its sparsity algorithm, in any order, for as long as it is told. Every check names the seed that leads
// to it.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/soak/subject.h"

namespace gossamer::soak {
namespace {

constexpr size_t kSubjects = 4;  // alive at once
constexpr int kSteps = 300;      // operations under one seed

struct World {
  Dice dice;
  std::vector<std::unique_ptr<Subject>> subjects;

  explicit World(uint64_t seed) : dice(seed) {}

  void operate(Subject& s) {
    switch (dice.below(24)) {
      case 0:
        return s.evaluate(dice);
      case 1:
        return s.backward(dice);
      case 2:
        return s.clip(dice);
      case 3:
        return s.zero_grad();
      case 4:
        return s.change_pattern(dice);
      case 5:
        return s.restrict_forward(dice);
      case 6:
        return s.set_execution(dice);
      case 7:
        return s.apply_algorithm(dice);
      case 8:
        return s.save();
      case 9:
        return s.load();
      case 10:
        return s.save_and_load_optimizer();
      case 11:
        return s.move_everything();
      case 12:
        return s.replace_optimizer(dice);
      case 13:
        return s.drop_algorithm();
      case 14:
        return s.misuse(dice);
      case 15:
        return s.walk_stale_graph(dice);
      default:
        return s.train(dice);
    }
  }

  void step() {
    if (subjects.size() < kSubjects && dice.chance(0.1)) {
      if (!subjects.empty() && dice.chance(0.3)) {
        subjects.push_back(any()->clone());
      } else {
        subjects.push_back(std::make_unique<Subject>(dice));
      }
    } else if (!subjects.empty() && dice.chance(0.02)) {
      std::swap(any(), subjects.back());
      std::unique_ptr<Subject> gone = std::move(subjects.back());
      subjects.pop_back();
      Subject::destroy(std::move(gone), dice);
    } else if (!subjects.empty()) {
      operate(*any());
    }
  }

  std::unique_ptr<Subject>& any() {
    return subjects[static_cast<size_t>(dice.below(static_cast<int64_t>(subjects.size())))];
  }
};

// The number of operations done; a disagreement ends the program.
int run(uint64_t seed) {
  World world(seed);
  for (int i = 0; i < kSteps; ++i) {
    try {
      const int threads = world.dice.any({1, 1, 2, 3});
      with_threads(threads, [&] { world.step(); });
    } catch (const std::exception& error) {
      std::fprintf(stderr, "soak: --seed %llu, operation %d: %s\n", static_cast<unsigned long long>(seed), i,
                   error.what());
      std::exit(1);
    }
  }
  return kSteps;
}

// The number after an option.
uint64_t value(int argc, char** argv, int& i) {
  if (++i < argc) return std::strtoull(argv[i], nullptr, 10);
  std::fprintf(stderr, "usage: soak [--seconds N] [--seed N]\n");
  std::exit(2);
}

}  // namespace
}  // namespace gossamer::soak

int main(int argc, char** argv) {
  using Clock = std::chrono::steady_clock;
  uint64_t seconds = 0;  // one seed at least
  uint64_t seed = 1;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--seconds") {
      seconds = gossamer::soak::value(argc, argv, i);
    } else if (std::string_view(argv[i]) == "--seed") {
      seed = gossamer::soak::value(argc, argv, i);
    }
  }
  gossamer::set_log_callback([](gossamer::LogLevel, std::string_view) {});
  const auto end = Clock::now() + std::chrono::seconds(seconds);
  long operations = 0;
  const uint64_t first = seed;
  do {
    operations += gossamer::soak::run(seed++);
  } while (Clock::now() < end);
  std::printf("soak: %ld operations on models, seeds %llu to %llu, without a finding\n", operations,
              static_cast<unsigned long long>(first), static_cast<unsigned long long>(seed - 1));
}
