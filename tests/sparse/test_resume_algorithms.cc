// A resumed run of the algorithms beyond the original equals an unbroken one, bit for bit.
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/functional.h"
#include "gossamer/ops.h"
#include "gossamer/optim/adam.h"
#include "gossamer/sparse/global_pruning.h"
#include "gossamer/sparse/granet.h"
#include "gossamer/sparse/group.h"
#include "gossamer/sparse/mest.h"
#include "gossamer/sparse/rigl.h"
#include "gossamer/sparse/snfs.h"
#include "gossamer/sparse/topkast.h"
#include "tests/sparse/support.h"
#include "tests/support/golden.h"

namespace gossamer::sparse::test_resume_algorithms {
namespace {

using golden::expect_equal;
using test::contains;
using test::dense_parameter;
using test::mask_string;
using test::uniform;

using MakeAlgorithm = std::function<std::shared_ptr<SparsityAlgorithm>()>;

// Two layers under training, which can be saved and taken up.
struct Training {
  std::vector<Parameter> parameters{dense_parameter("a", {20, 16}, 1), dense_parameter("b", {6, 20}, 2)};
  std::unique_ptr<optim::AdamW> optimizer = std::make_unique<optim::AdamW>(parameters, optim::AdamWOptions{.lr = 0.01});
  std::shared_ptr<SparsityAlgorithm> algorithm;

  explicit Training(const MakeAlgorithm& make) : algorithm(make()) {
    algorithm->apply(parameters);
    algorithm->apply(*optimizer);
  }
  Training(const MakeAlgorithm& make, const Training& saved) : Training(make) {
    for (size_t i = 0; i < parameters.size(); ++i) {
      parameters[i].assign(saved.parameters[i].dense(), saved.parameters[i].pattern());
    }
    optimizer->load_state_dict(saved.optimizer->state_dict());
    algorithm->load_state_dict(saved.algorithm->state_dict());
  }

  void step(uint64_t number) const {
    const Tensor x = uniform({12, 16}, 100 + number);
    const Tensor hidden = relu(linear(x, parameters[0]));
    // One use runs on dense weights.
    const Tensor y = number % 2 == 0 ? linear(hidden, parameters[1]) : linear(hidden, parameters[1].tensor());
    const Tensor error = y - uniform({12, 6}, 200 + number);
    optimizer->zero_grad();
    sum(error * error).backward();
    optimizer->step();
  }
};

const std::map<std::string, MakeAlgorithm> kAlgorithms = {
    {"GraNet",
     [] {
       return std::make_shared<GraNet>(
           GraNetOptions{.sparsity = Cubic{.init = 0.2, .final = 0.8, .start = 0, .end = 15}, .update = {.freq = 4}});
     }},
    {"MEST", [] { return std::make_shared<MEST>(MESTOptions{.sparsity = 0.7, .update = {.freq = 4}}); }},
    {"GlobalPruning",
     [] {
       return std::make_shared<GlobalPruning>(GlobalPruningOptions{
           .sparsity = Cubic{.init = 0.2, .final = 0.8, .start = 0, .end = 15}, .update = {.freq = 4}});
     }},
    {"SNFS", [] { return std::make_shared<SNFS>(SNFSOptions{.sparsity = 0.7, .update = {.freq = 4}, .window = 3}); }},
    {"RigL with candidates",
     [] {
       return std::make_shared<RigL>(
           RigLOptions{.sparsity = 0.7, .update = {.freq = 4}, .candidates = 1.5, .window = 3});
     }},
    {"TopKAST",
     [] {
       return std::make_shared<TopKAST>(
           TopKASTOptions{.sparsity = 0.5, .forward_sparsity = {0.9, 0.8}, .update = {.freq = 4}});
     }},
    {"Group of SNFS and TopKAST",
     [] {
       return std::make_shared<Group>(std::initializer_list<GroupEntry>{
           {"a", TopKAST({.sparsity = 0.5, .forward_sparsity = 0.9, .update = {.freq = 4}})},
           {"b", SNFS({.sparsity = 0.7, .update = {.freq = 4}, .window = 3})}});
     }},
};

TEST(ResumeAlgorithms, EqualsAnUnbrokenRunWhereverItIsSaved) {
  constexpr uint64_t kSteps = 14;
  for (const auto& [name, make] : kAlgorithms) {
    const Training unbroken(make);
    for (uint64_t step = 1; step <= kSteps; ++step) unbroken.step(step);
    for (uint64_t saved = 0; saved <= 9; ++saved) {
      SCOPED_TRACE(testing::Message() << name << " saved after step " << saved);
      const Training first(make);
      for (uint64_t step = 1; step <= saved; ++step) first.step(step);
      const Training resumed(make, first);
      for (uint64_t step = saved + 1; step <= kSteps; ++step) resumed.step(step);
      for (size_t i = 0; i < 2; ++i) {
        ASSERT_EQ(mask_string(resumed.parameters[i]), mask_string(unbroken.parameters[i]));
        expect_equal(resumed.parameters[i].dense(), unbroken.parameters[i].dense());
        const auto forward = unbroken.parameters[i].forward_pattern();
        ASSERT_EQ(resumed.parameters[i].forward_pattern() != nullptr, forward != nullptr);
        if (forward) {
          EXPECT_EQ(*resumed.parameters[i].forward_pattern(), *forward);
        }
      }
    }
  }
}

TEST(ResumeAlgorithms, AStateThatDoesNotFitIsAFormatErrorThatChangesNothing) {
  for (const char* name : {"SNFS", "TopKAST", "RigL with candidates"}) {
    const MakeAlgorithm& make = kAlgorithms.at(name);
    const Training saved(make);
    for (uint64_t step = 1; step <= 6; ++step) saved.step(step);
    const StateDict good = saved.algorithm->state_dict();
    const Training other(make, saved);
    const auto forward = other.parameters[0].forward_pattern();
    const auto refuses = [&](const StateDict& state, const char* what) {
      EXPECT_TRUE(contains(message_of<FormatError>([&] { other.algorithm->load_state_dict(state); }), what));
      EXPECT_EQ(other.parameters[0].forward_pattern(), forward);
      EXPECT_EQ(other.algorithm->state_dict().size(), good.size());
    };
    for (const auto& [key, tensor] : good) {
      StateDict bad = good;
      bad[key] = Tensor::zeros({3, 1}, DType::i32);
      refuses(bad, key.c_str());
    }
    StateDict bad = good;
    bad["forward.c"] = bad["retained.c.0.dy"] = bad["candidates.c.sum"] = Tensor::zeros({1});
    refuses(bad, "is unexpected");
  }
}

TEST(ResumeAlgorithms, PositionsOfCandidatesAscendWithinTheParameter) {
  const MakeAlgorithm& make = kAlgorithms.at("RigL with candidates");
  const Training saved(make);
  for (uint64_t step = 1; step <= 6; ++step) saved.step(step);
  const StateDict good = saved.algorithm->state_dict();
  const std::string key = "candidates.a.positions";
  const int64_t n = good.at(key).numel();
  ASSERT_GT(n, 2);
  for (const auto& [index, value] : {std::pair<int64_t, int64_t>{0, -1}, {n - 1, 320}, {1, 0}}) {
    StateDict bad = good;
    bad[key] = good.at(key).clone();
    bad[key].mutable_data<int64_t>()[index] = value;
    if (value == 0) bad[key].mutable_data<int64_t>()[0] = 0;
    EXPECT_TRUE(
        contains(message_of<FormatError>([&] { Training(make).algorithm->load_state_dict(bad); }), "ascending"));
  }
}

TEST(ResumeAlgorithms, TheAgesOfWhatIsRetainedFall) {
  const MakeAlgorithm& make = kAlgorithms.at("SNFS");
  const Training saved(make);
  for (uint64_t step = 1; step <= 3; ++step) saved.step(step);
  StateDict state = saved.algorithm->state_dict();
  EXPECT_EQ(state.at("retained.a.0.age").item<int64_t>(), 2);
  EXPECT_EQ(state.at("retained.a.1.age").item<int64_t>(), 1);
  EXPECT_TRUE(state.contains("retained.b.0.x"));   // step 2
  EXPECT_FALSE(state.contains("retained.b.1.x"));  // step 3 went the general way
  for (const int64_t age : {0, 3}) {
    state["retained.a.1.age"] = Tensor::from<int64_t>({age}, Shape{});
    EXPECT_TRUE(contains(message_of<FormatError>([&] { Training(make).algorithm->load_state_dict(state); }), "fall"));
  }
}

}  // namespace
}  // namespace gossamer::sparse::test_resume_algorithms
