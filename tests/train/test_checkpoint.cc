// What a checkpoint holds, and that a load is all or nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/io/safetensors.h"
#include "tests/sparse/support.h"
#include "tests/support/files.h"
#include "tests/train/run.h"

namespace gossamer::train::test_checkpoint {
namespace {

using golden::Json;
using test::TinyRun;

const Json kRigl = {{"algorithm", "rigl"}, {"sparsity", 0.6}, {"update", {{"freq", 3}}}, {"candidates", 1.0}};

template <class E, class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const E& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing of the expected type was thrown";
  return "";
}

void expect_parts(const std::string& message, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) EXPECT_NE(message.find(part), std::string::npos) << part << " in\n" << message;
}

nn::Linear linear(uint64_t seed) {
  Generator rng(seed);
  return nn::Linear({.in = 3, .out = 2}, rng);
}

TEST(Checkpoint, HasWeightsUnderTheirOwnNamesAndTheRunUnderAPrefix) {
  TinyRun run(kRigl, "AdamW", 1);
  run.train_until(3);
  const StateDict dict = run.checkpoint.state_dict();
  for (const char* name :
       {"fc1.weight", "fc1.weight_mask", "fc2.bias", "bn.running_mean", "dropout.calls", "__run__.step",
        "__run__.best_loss", "__run__.rng.seed", "__run__.rng.count", "__run__.loader.batch", "__run__.schedule.step",
        "__run__.optimizer.state.fc1.weight.exp_avg", "__run__.sparsity.algorithms.0.optimizers.0.step",
        "__run__.ema.average.fc1.weight", "__run__.itop.explored.fc1.weight", "__run__.plateau.best"}) {
    EXPECT_TRUE(dict.contains(name)) << name;
  }
  EXPECT_EQ(dict.at("__run__.step").item<int64_t>(), 3);
  EXPECT_EQ(dict.at("__run__.best_loss").item<double>(), run.best_loss);
  StateDict model = run.model.state_dict();
  EXPECT_EQ(model.size(), model_entries(dict).size());
  for (const auto& [name, tensor] : model_entries(dict)) golden::expect_equal(tensor, model.at(name));
}

TEST(Checkpoint, OfSeveralModelsBeginsTheirNamesWithThatOfThePart) {
  nn::Linear a = linear(1);
  nn::Linear b = linear(2);
  Checkpoint run;
  run.add("generator", a).add("critic", b);
  const StateDict dict = run.state_dict();
  golden::expect_equal(dict.at("generator.weight"), a.weight().values());
  golden::expect_equal(dict.at("critic.weight"), b.weight().values());
  nn::Linear c = linear(3);
  nn::Linear d = linear(4);
  Checkpoint other;
  other.add("critic", d).add("generator", c).load_state_dict(dict);
  golden::expect_equal(c.weight().values(), a.weight().values());
  golden::expect_equal(d.weight().values(), b.weight().values());
}

TEST(Checkpoint, ThatDoesNotFitChangesNothingWhateverEntryIsWrong) {
  TinyRun saved(kRigl, "AdamW", 1);
  saved.train_until(4);
  const StateDict good = saved.checkpoint.state_dict();
  TinyRun run(kRigl, "AdamW", 2);
  run.train_until(2);
  const std::string before = run.digest();
  const StateDict state = run.checkpoint.state_dict();
  for (const auto& [name, tensor] : good) {
    SCOPED_TRACE(name);
    StateDict bad = good;
    bad[name] = Tensor::zeros({3, 1, 2}, DType::i32);
    EXPECT_THROW(run.checkpoint.load_state_dict(bad), FormatError);
    bad.erase(name);
    // Of a step without gradients there are no candidates, and early versions had no names.
    const bool optional =
        name.find("candidates.") != std::string::npos || name.ends_with(".algorithm") || name.ends_with(".parameters");
    if (!optional) {
      EXPECT_THROW(run.checkpoint.load_state_dict(bad), FormatError);
    }
    bad = good;
    bad[name + "x"] = tensor;
    EXPECT_THROW(run.checkpoint.load_state_dict(bad), FormatError);
    ASSERT_TRUE(run.digest() == before);
  }
  const StateDict after = run.checkpoint.state_dict();
  ASSERT_EQ(after.size(), state.size());
  for (const auto& [name, tensor] : state) golden::expect_equal(after.at(name), tensor);
  run.checkpoint.load_state_dict(good);
  EXPECT_TRUE(run.digest() == saved.digest());
}

TEST(Checkpoint, ListsWhatIsWrongWithAllPartsThatAreLoadedTogether) {
  TinyRun run(kRigl, "AdamW", 1);
  StateDict dict = run.checkpoint.state_dict();
  dict["__run__.loader.batch_size"] = Tensor::from<int64_t>({9}, Shape{});
  dict["__run__.schedule.step"] = Tensor::from<int64_t>({-1}, Shape{});
  dict["__run__.step"] = Tensor::from<float>({1}, Shape{});
  expect_parts(message_of<FormatError>([&] { run.checkpoint.load_state_dict(dict); }),
               {"'loader'", "'batch_size' must be 4, not 9", "'schedule'", "'step' must be 0 or more", "'step': "});
}

TEST(Checkpoint, WithoutMasksOfASparseRunIsRefusedWithTheRemedy) {
  TinyRun run(kRigl, "AdamW", 1);
  StateDict dict = run.checkpoint.state_dict();
  dict.erase("fc1.weight_mask");
  dict.erase("fc2.weight_mask");
  expect_parts(
      message_of<FormatError>([&] { run.checkpoint.load_state_dict(dict); }),
      {"'model'", "a sparse run goes on from masks", "'fc1.weight', 'fc2.weight'", "before model.apply(sparsity)"});
}

TEST(Checkpoint, NamesPartsThatAreMissingOrUnexpectedAndLeavesThemOutWhenAsked) {
  nn::Linear model = linear(1);
  int64_t step = 5;
  int64_t epoch = 6;
  Checkpoint saved;
  const StateDict dict = saved.add("model", model).add("step", step).add("epoch", epoch).state_dict();
  nn::Linear other = linear(2);
  double scale = 0.5;
  Checkpoint run;
  run.add("model", other).add("step", step).add("scale", scale);
  step = 0;
  expect_parts(message_of<FormatError>([&] { run.load_state_dict(dict); }),
               {"missing: 'scale'", "unexpected: 'epoch'", "partial = true"});
  EXPECT_EQ(step, 0);
  const LoadResult passed_over = run.load_state_dict(dict, {.partial = true});
  EXPECT_EQ(passed_over.missing, std::vector<std::string>{"scale"});
  EXPECT_EQ(passed_over.unexpected, std::vector<std::string>{"epoch"});
  EXPECT_EQ(step, 5);
  EXPECT_EQ(scale, 0.5);
  golden::expect_equal(other.weight().values(), model.weight().values());
}

// A part of the application that refuses the value 13.
struct Counter {
  int value = 0;
  StateDict state_dict() const { return {{"value", Tensor::from<int64_t>({value}, Shape{})}}; }
  void load_state_dict(const StateDict& dict) {
    value = static_cast<int>(dict.at("value").item<int64_t>());
    if (value == 13) throw std::runtime_error("13");
  }
};

TEST(Checkpoint, PutsPartsOfTheApplicationBackByWhatTheyGave) {
  nn::Linear model = linear(1);
  Counter counters[2];
  Checkpoint run;
  run.add("model", model);
  for (size_t i = 0; i < 2; ++i) {
    run.add(
        "counter" + std::to_string(i), [&, i] { return counters[i].state_dict(); },
        [&, i](const StateDict& dict) { counters[i].load_state_dict(dict); });
  }
  StateDict dict = run.state_dict();
  dict["weight"] = Tensor::ones({2, 3});
  dict["__run__.counter0.value"] = Tensor::from<int64_t>({7}, Shape{});
  const Tensor weight = model.weight().values().clone();
  dict["__run__.counter1.value"] = Tensor::from<int64_t>({13}, Shape{});
  EXPECT_THROW(run.load_state_dict(dict), std::runtime_error);
  EXPECT_EQ(counters[0].value, 0);
  golden::expect_equal(model.weight().values(), weight);
  dict["__run__.counter1.value"] = Tensor::from<int64_t>({8}, Shape{});
  run.load_state_dict(dict);
  EXPECT_EQ(counters[0].value, 7);
  EXPECT_EQ(counters[1].value, 8);
  golden::expect_equal(model.weight().values(), Tensor::ones({2, 3}));
}

TEST(Checkpoint, RefusesNamesThatWouldMeet) {
  nn::Linear model = linear(1);
  int64_t step = 0;
  Checkpoint run;
  run.add("step", step);
  for (const char* name : {"", "a.b", "step"}) EXPECT_THROW(run.add(name, model), ConfigError) << name;
  EXPECT_THROW(run.add("mine", {}, [](const StateDict&) {}), ConfigError);
  nn::Sequential named{nn::named("__run__", linear(1))};
  run.add("model", named);
  EXPECT_THROW(run.state_dict(), StateError);
}

// ---- Files ----

TEST(CheckpointFile, HoldsTheRunAndItsMetadata) {
  const TempFolder folder;
  const auto path = folder.path() / "run.safetensors";
  for (const SparseForm form : {SparseForm::Dense, SparseForm::Csr}) {
    TinyRun saved(kRigl, "AdamW", 1);
    saved.train_until(4);
    saved.checkpoint.save(path, {.form = form, .metadata = {{"config", "algorithm: rigl"}}});
    TinyRun run(kRigl, "AdamW", 2);
    const CheckpointInfo info = run.checkpoint.load(path);
    EXPECT_EQ(info.metadata.at("config"), "algorithm: rigl");
    EXPECT_EQ(info.metadata.at("gossamer.format"), "1");
    EXPECT_TRUE(info.metadata.contains("gossamer.version"));
    EXPECT_TRUE(run.digest() == saved.digest());
  }
  EXPECT_THROW(TinyRun(kRigl, "AdamW", 1).checkpoint.save(path, {.metadata = {{"gossamer.format", "2"}}}), ConfigError);
}

TEST(CheckpointFile, OfAnotherKindOrALaterFormatIsRefusedByName) {
  const TempFolder folder;
  nn::Linear model = linear(1);
  Checkpoint run;
  run.add("model", model);
  const auto path = folder.path() / "run.safetensors";
  EXPECT_THROW(run.load(path), FileError);
  io::save_safetensors(path, model.state_dict());
  expect_parts(message_of<FormatError>([&] { run.load(path); }), {path.string(), "load_safetensors"});
  for (const char* format : {"2", "x", "1x", "0", ""}) {
    io::save_safetensors(path, model.state_dict(), {.metadata = {{"gossamer.format", format}}});
    expect_parts(message_of<FormatError>([&] { run.load(path); }), {path.string(), "format must be at most 1"});
  }
  io::save_safetensors(path, {{"bias", Tensor::ones({2})}}, {.metadata = {{"gossamer.format", "1"}}});
  expect_parts(message_of<FormatError>([&] { run.load(path); }), {path.string(), "'weight' is missing"});
}

TEST(Checkpoint, OfAnotherAlgorithmOrOfOtherParametersIsRefused) {
  const Json of_all = {{"algorithm", "rigl"}, {"sparsity", 0.6}, {"param_filter", {"fc1.weight", "fc2.weight"}}};
  const Json of_one = {{"algorithm", "rigl"}, {"sparsity", 0.6}, {"param_filter", "fc2.weight"}};
  const Json set = {{"algorithm", "set"}, {"sparsity", 0.5}, {"param_filter", {"fc1.weight", "fc2.weight"}}};
  TinyRun saved(of_all, "SGD", 1);
  saved.train_until(3);
  const StateDict dict = saved.checkpoint.state_dict();
  for (const auto& [algorithm, part] : {std::pair<Json, std::string>{set, "'algorithm' must be SET, not RigL"},
                                        {of_one, "'parameters' have 'fc1.weight', which the algorithm has not"}}) {
    TinyRun run(algorithm, "SGD", 2);
    const std::string before = run.digest();
    expect_parts(message_of<FormatError>([&, &r = run] { r.checkpoint.load_state_dict(dict); }), {part});
    EXPECT_EQ(run.digest(), before);
  }
}

TEST(Checkpoint, WithoutTheNamesOfTheAlgorithmIsReadAsThatOfAnEarlyVersion) {
  TinyRun saved(kRigl, "SGD", 1);
  saved.train_until(3);
  StateDict dict = saved.checkpoint.state_dict();
  EXPECT_EQ(std::erase_if(dict,
                          [](const auto& entry) {
                            return entry.first == "__run__.sparsity.algorithms.0.algorithm" ||
                                   entry.first == "__run__.sparsity.algorithms.0.parameters";
                          }),
            2U);
  TinyRun run(kRigl, "SGD", 2);
  run.checkpoint.load_state_dict(dict);
  EXPECT_EQ(run.digest(), saved.digest());
}

TEST(Checkpoint, OfAModelWithoutItsAlgorithmWarnsOnce) {
  const auto warnings = [](const Json& algorithm, bool with_algorithm) {
    TinyRun run(algorithm, "SGD", 1);
    Checkpoint checkpoint;
    checkpoint.add("model", run.model);
    if (with_algorithm) checkpoint.add("sparsity", run.sparsity);
    gossamer::test::LogCapture log;
    checkpoint.state_dict();
    Checkpoint(checkpoint).state_dict();
    return log.messages;
  };
  const auto messages = warnings(kRigl, false);
  ASSERT_EQ(messages.size(), 1U);
  expect_parts(messages[0], {"belongs to a sparsity algorithm that is no part", "add(\"sparsity\", algorithm)"});
  EXPECT_TRUE(warnings(kRigl, true).empty());
  EXPECT_TRUE(warnings({{"algorithm", "static"}, {"sparsity", 0.6}}, false).empty());
}

}  // namespace
}  // namespace gossamer::train::test_checkpoint
