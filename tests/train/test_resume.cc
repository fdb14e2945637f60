// N steps, a checkpoint, and M steps in another run equal N + M steps, bit for bit.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "gossamer/io/safetensors.h"
#include "sparse/settings/factories.h"
#include "tests/support/files.h"
#include "tests/train/run.h"

namespace gossamer::train::test_resume {
namespace {

using golden::Json;
using test::Algorithm;
using test::TinyRun;

constexpr int64_t kSteps = 12;  // of five steps an epoch, and update steps 3, 6, 9

// All that configure() knows, and options that have a state of their own. What an algorithm must be given stands in the
// table; one that was registered since takes part as it is.
std::vector<Algorithm> algorithms() {
  const Json update = {{"freq", 3}};
  const Json rising = {{"type", "linear"}, {"init", 0.1}, {"slope", 0.05}};
  const std::map<std::string, std::vector<Json>> table = {
      {"static", {Json::object()}},
      {"gmp",
       {{{"sparsity", rising}, {"update", update}},
        {{"sparsity", {0.2, 0.7, 0.0}}, {"update", update}},
        {{"sparsity", rising}, {"update", {{"freq", 3}, {"start", 3}}}}}},
      {"set", {{{"update", update}, {"drop_fraction", {0.1, 0.5, 0.9}}}}},
      {"rigl",
       {{{"update", update}},
        {{"update", update}, {"balance_out_groups", 2}},
        {{"update", update}, {"candidates", 1.5}, {"window", 2}}}},
      {"granet", {{{"update", update}, {"sparsity", rising}}}},
      {"global_pruning", {{{"update", update}, {"sparsity", rising}}}},
      {"snfs", {{{"update", update}}, {{"update", update}, {"window", 3}, {"redistribute", false}}}},
      {"topkast", {{{"update", update}, {"sparsity", 0.4}, {"forward_sparsity", {0.8, 0.6}}}}},
  };
  std::vector<Algorithm> all{{"dense", Json()}};
  for (const auto& [name, factory] : sparse::library_factories()) {
    const auto found = table.find(name);
    for (Json config : found == table.end() ? std::vector<Json>{{{"update", update}}} : found->second) {
      config["algorithm"] = name;
      if (!config.contains("sparsity")) config["sparsity"] = 0.6;
      all.push_back({name + " " + config.dump(), config});
    }
  }
  all.push_back(
      {"group of two",
       Json::parse(R"([{"param_filter": "fc1.weight", "algorithm": "snfs", "sparsity": 0.6, "update": {"freq": 3}},
                                 {"param_filter": "fc2.weight", "algorithm": "topkast", "sparsity": 0.4,
                                  "forward_sparsity": 0.7, "update": {"freq": 2}}])")});
  return all;
}

// Resumes where each of `saved_after` steps were taken, one thread and the dense form, or two threads and CSR.
void expect_exact(const Json& algorithm, const std::string& optimizer, const std::vector<int64_t>& saved_after) {
  TinyRun unbroken(algorithm, optimizer, 1);
  unbroken.train_until(kSteps);
  const std::string expected = unbroken.digest();

  std::map<int64_t, StateDict> saved[2];
  TinyRun saving(algorithm, optimizer, 1);
  const auto save = [&](const TinyRun& run) {
    for (const SparseForm form : {SparseForm::Dense, SparseForm::Csr}) {
      saved[form == SparseForm::Csr ? 1 : 0][run.step] = run.checkpoint.state_dict({.form = form});
    }
  };
  save(saving);
  saving.train_until(kSteps, save);
  ASSERT_TRUE(saving.digest() == expected) << "saving changes the run";

  for (const bool csr : {false, true}) {
    for (const int64_t step : saved_after) {
      SCOPED_TRACE(testing::Message() << (csr ? "CSR" : "dense") << " form, saved after step " << step);
      with_threads(csr ? 2 : 1, [&] {
        TinyRun resumed(algorithm, optimizer, 2);
        resumed.checkpoint.load_state_dict(saved[csr].at(step));
        resumed.train_until(kSteps);
        const std::vector<double> rest(unbroken.losses.begin() + step, unbroken.losses.end());
        EXPECT_EQ(resumed.losses, rest);
        EXPECT_TRUE(resumed.digest() == expected);
      });
    }
  }
}

TEST(ResumedRun, EqualsAnUnbrokenOneForEachAlgorithmWhereverItIsSaved) {
  for (const Algorithm& algorithm : algorithms()) {
    SCOPED_TRACE(algorithm.name);
    // Before any step; before, at and after updates; in the middle of an epoch, and with its last batch in hand.
    expect_exact(algorithm.config, "AdamW", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  }
}

TEST(ResumedRun, EqualsAnUnbrokenOneForEachOptimizer) {
  const Json rigl = {{"algorithm", "rigl"}, {"sparsity", 0.6}, {"update", {{"freq", 3}}}};
  for (const std::string& optimizer : test::optimizer_names()) {
    SCOPED_TRACE(optimizer);
    expect_exact(rigl, optimizer, {0, 5, 6, 7});
  }
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// The folder of this test, which its new processes inherit.
std::filesystem::path shared_folder() {
  static const TempFolder* const folder = [] {
    if (std::getenv("GOSSAMER_TEST_RESUME") != nullptr) return static_cast<TempFolder*>(nullptr);
    auto* made = new TempFolder;
    setenv("GOSSAMER_TEST_RESUME", made->path().c_str(), 1);
    return made;
  }();
  static_cast<void>(folder);
  return std::getenv("GOSSAMER_TEST_RESUME");
}

TEST(ResumedRun, EqualsAnUnbrokenOneInANewProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const std::filesystem::path folder = shared_folder();
  const std::vector<Json> configs = {
      Json::parse(R"({"algorithm": "rigl", "sparsity": 0.6, "update": {"freq": 3}, "candidates": 1.5, "window": 2})"),
      Json::parse(R"({"algorithm": "snfs", "sparsity": 0.6, "update": {"freq": 3}})"),
      Json::parse(R"({"algorithm": "topkast", "sparsity": 0.4, "forward_sparsity": 0.8, "update": {"freq": 3}})")};
  const auto file = [&](size_t config) { return folder / (std::to_string(config) + ".safetensors"); };
  constexpr int64_t kSaved = 7;
  EXPECT_EXIT(
      {
        for (size_t i = 0; i < configs.size(); ++i) {
          TinyRun first(configs[i], "AdamW", 1);
          first.train_until(kSaved, [&](const TinyRun& run) {
            if (run.step == kSaved)
              run.checkpoint.save(file(i), {.form = i == 1 ? SparseForm::Csr : SparseForm::Dense});
          });
        }
        std::_Exit(0);
      },
      testing::ExitedWithCode(0), "");
  EXPECT_EXIT(
      {
        for (size_t i = 0; i < configs.size(); ++i) {
          with_threads(2, [&] {
            TinyRun second(configs[i], "AdamW", 2);
            second.checkpoint.load(file(i));
            second.train_until(kSteps);
            std::ofstream(file(i).replace_extension("digest"), std::ios::binary) << second.digest();
          });
        }
        std::_Exit(0);
      },
      testing::ExitedWithCode(0), "");
  for (size_t i = 0; i < configs.size(); ++i) {
    TinyRun unbroken(configs[i], "AdamW", 1);
    unbroken.train_until(kSteps);
    EXPECT_TRUE(read_file(file(i).replace_extension("digest")) == unbroken.digest()) << configs[i];
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace gossamer::train::test_resume
