// Which checkpoints stay in a folder, and saving beside training.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "gossamer/io/safetensors.h"
#include "tests/support/files.h"
#include "tests/support/sanitizers.h"
#include "tests/train/run.h"

namespace gossamer::train::test_checkpoint_manager {
namespace {

// A run that is one number.
struct Small {
  double value = 0;
  Checkpoint run = std::move(Checkpoint().add("value", value));
};

std::vector<int64_t> steps_of(const std::vector<SavedCheckpoint>& checkpoints) {
  std::vector<int64_t> steps;
  for (const SavedCheckpoint& checkpoint : checkpoints) steps.push_back(checkpoint.step);
  return steps;
}

using Steps = std::vector<int64_t>;

int64_t files_in(const std::filesystem::path& folder) {
  return std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator());
}

TEST(CheckpointManager, KeepsTheLastAndTheBest) {
  const TempFolder folder;
  Small small;
  CheckpointManager manager(small.run, {.folder = folder.path() / "a" / "b", .keep_last = 2, .keep_best = 1});
  EXPECT_EQ(manager.latest(), std::nullopt);
  EXPECT_EQ(manager.resume(), std::nullopt);
  struct Case {
    int64_t step;
    std::optional<double> metric;
    Steps kept;
    std::optional<int64_t> best;
  };
  const double inf = std::numeric_limits<double>::infinity();
  for (const Case& c : std::vector<Case>{{10, {}, {10}, {}},
                                         {20, 3.0, {10, 20}, 20},
                                         {30, 4.0, {20, 30}, 20},
                                         {40, std::nan(""), {20, 30, 40}, 20},
                                         {50, inf, {20, 40, 50}, 20},
                                         {60, 3.0, {50, 60}, 60},
                                         {70, {}, {60, 70}, 60},
                                         {80, -inf, {70, 80}, 80}}) {
    small.value = static_cast<double>(c.step);
    const auto path = manager.save(c.step, c.metric);
    EXPECT_EQ(path, folder.path() / "a" / "b" / ("checkpoint-" + std::to_string(c.step) + ".safetensors"));
    EXPECT_EQ(steps_of(manager.list()), c.kept) << c.step;
    EXPECT_EQ(manager.latest()->step, c.step);
    EXPECT_EQ(manager.best() ? std::optional(manager.best()->step) : std::nullopt, c.best) << c.step;
    EXPECT_EQ(files_in(folder.path() / "a" / "b"), std::ssize(c.kept));
  }
  small.value = 0;
  EXPECT_TRUE(manager.resume().has_value());
  EXPECT_EQ(small.value, 80);
  small.run.load(folder.path() / "a" / "b" / "checkpoint-70.safetensors");
  EXPECT_EQ(small.value, 70);
}

TEST(CheckpointManager, OfAMetricThatGrowsKeepsTheLargest) {
  const TempFolder folder;
  Small small;
  CheckpointManager manager(small.run,
                            {.folder = folder.path(), .keep_last = 1, .keep_best = 2, .mode = MetricMode::Max});
  for (const int64_t step : {1, 2, 3, 4, 5}) manager.save(step, step == 2 ? 0.9 : 0.1 * static_cast<double>(step));
  EXPECT_EQ(steps_of(manager.list()), (Steps{2, 5}));
  EXPECT_EQ(manager.best()->step, 2);
  EXPECT_EQ(manager.best()->metric, 0.9);
}

TEST(CheckpointManager, GoesOnFromTheFolderWhereAProgramStartsAgain) {
  const TempFolder folder;
  const CheckpointManagerOptions options{.folder = folder.path(), .name = "net", .keep_last = 2, .keep_best = 1};
  Small small;
  {
    CheckpointManager manager(small.run, options);
    for (const int64_t step : {100, 200, 300}) {
      small.value = static_cast<double>(step);
      manager.save(step, static_cast<double>(step));
    }
  }
  CheckpointManager again(small.run, options);
  EXPECT_EQ(steps_of(again.list()), (Steps{100, 200, 300}));
  EXPECT_EQ(again.best()->step, 100);
  // Resumed from the best: what comes then is later than steps of the run that was given up.
  small.run.load(again.best()->path);
  EXPECT_EQ(small.value, 100);
  small.value = 150;
  again.save(150, 500.0);
  EXPECT_EQ(again.latest()->step, 150);
  EXPECT_EQ(steps_of(again.list()), (Steps{100, 300, 150}));
  small.value = 301;
  again.save(300, 400.0);
  EXPECT_EQ(steps_of(again.list()), (Steps{100, 150, 300}));
  again.resume();
  EXPECT_EQ(small.value, 301);
}

TEST(CheckpointManager, LeavesFilesAloneThatAreNotItsOwn) {
  const TempFolder folder;
  Small small;
  std::vector<std::string> warnings;
  set_log_callback([&](LogLevel, std::string_view text) { warnings.emplace_back(text); });
  const std::vector<std::string> foreign = {"checkpoint-1.safetensors",
                                            "checkpoint-x.safetensors",
                                            "checkpoint-.safetensors",
                                            "checkpoint-3.safetensors.bak",
                                            "checkpoint--4.safetensors",
                                            "other-5.safetensors",
                                            "notes.txt",
                                            ".checkpoint-7.safetensors.1.abc"};
  // A name of a save that was broken off.
  folder.write(".checkpoint-8.safetensors.999999999.0.tmp", {1, 2, 3});
  for (const std::string& name : foreign) folder.write(name, {1, 2, 3});
  io::save_safetensors(folder.path() / "checkpoint-2.safetensors", {{"w", Tensor::ones({2})}});
  std::filesystem::create_directory(folder.path() / "checkpoint-6.safetensors");
  CheckpointManager manager(small.run, {.folder = folder.path(), .keep_last = 1});
  EXPECT_EQ(steps_of(manager.list()), Steps{});
  for (const int64_t step : {10, 20, 30}) manager.save(step);
  EXPECT_EQ(steps_of(manager.list()), Steps{30});
  EXPECT_FALSE(std::filesystem::exists(folder.path() / ".checkpoint-8.safetensors.999999999.0.tmp"));
  for (const std::string& name : foreign) {
    EXPECT_TRUE(std::filesystem::exists(folder.path() / name)) << name;
  }
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "checkpoint-2.safetensors"));
  ASSERT_FALSE(warnings.empty());
  EXPECT_NE(warnings[0].find("checkpoint-1.safetensors"), std::string::npos) << warnings[0];
  // A renamed one says itself that it is not that step.
  std::filesystem::rename(folder.path() / "checkpoint-30.safetensors", folder.path() / "checkpoint-31.safetensors");
  EXPECT_EQ(steps_of(manager.list()), Steps{});
  set_log_callback({});
}

TEST(CheckpointManager, RefusesOptionsOutOfTheirRange) {
  const TempFolder folder;
  const Small small;
  const auto refuse = [&](const CheckpointManagerOptions& options) {
    EXPECT_THROW(CheckpointManager(small.run, options), ConfigError);
  };
  refuse({.folder = folder.path(), .name = ""});
  refuse({.folder = folder.path(), .name = "a/b"});
  refuse({.folder = folder.path(), .keep_last = 0});
  refuse({.folder = folder.path(), .keep_best = -1});
  refuse({.folder = folder.path(), .save = {.metadata = {{"gossamer.step", "1"}}}});
  folder.write("file", {1});
  EXPECT_THROW(CheckpointManager(small.run, {.folder = folder.path() / "file"}), FileError);
  CheckpointManager manager(small.run, {.folder = folder.path()});
  EXPECT_THROW(manager.save(-1), ConfigError);
  EXPECT_THROW(manager.save_in_background(-1), ConfigError);
}

// A process that saves in a loop is killed at any moment, also between the new file and the deletion of an old one.
TEST(CheckpointManager, HasTheLastAcknowledgedCheckpointOrALaterOneAfterEveryKill) {
  if (kSanitized) GTEST_SKIP() << "the sanitizers' own threads and locks do not survive a fork";
  const TempFolder folder;
  const CheckpointManagerOptions options{.folder = folder.path(), .keep_last = 2, .keep_best = 1};
  int64_t last = 0;
  for (uint64_t kill_number = 0; kill_number < 40; ++kill_number) {
    int acknowledged[2];
    ASSERT_EQ(pipe(acknowledged), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(60);
      Small small;
      CheckpointManager manager(small.run, options);
      manager.resume();
      for (int64_t step = static_cast<int64_t>(small.value) + 1;; ++step) {
        small.value = static_cast<double>(step);
        manager.save(step, std::cos(small.value));
        if (write(acknowledged[1], &step, sizeof step) != sizeof step) _exit(1);
      }
    }
    close(acknowledged[1]);
    int64_t step = 0;
    ASSERT_EQ(read(acknowledged[0], &step, sizeof step), static_cast<ssize_t>(sizeof step));
    usleep(static_cast<useconds_t>(random_bits(5, kill_number) % 40000));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    last = std::max(last, step);
    while (read(acknowledged[0], &step, sizeof step) == static_cast<ssize_t>(sizeof step)) last = step;
    close(acknowledged[0]);

    Small small;
    CheckpointManager manager(small.run, options);
    ASSERT_TRUE(manager.resume().has_value());
    EXPECT_GE(small.value, static_cast<double>(last));
    EXPECT_EQ(small.value, static_cast<double>(manager.latest()->step));
  }
  Small small;
  CheckpointManager manager(small.run, options);
  manager.resume();
  manager.save(static_cast<int64_t>(small.value) + 1);
  EXPECT_EQ(manager.list().size(), 3U);
  EXPECT_EQ(files_in(folder.path()), 3);
}

// ---- Beside training ----

TEST(BackgroundSave, HoldsTheStateOfItsCallWhateverTrainingDoesMeanwhile) {
  const TempFolder folder;
  const golden::Json rigl = {{"algorithm", "rigl"}, {"sparsity", 0.6}, {"update", {{"freq", 2}}}};
  test::TinyRun run(rigl, "AdamW", 1);
  CheckpointManager manager(run.checkpoint, {.folder = folder.path(), .keep_last = 100});
  std::vector<std::string> digests;
  run.train_until(8, [&](const test::TinyRun& r) {
    manager.save_in_background(r.step, r.losses.back());
    digests.push_back(r.digest());
  });
  manager.wait();
  const auto saved = manager.list();
  ASSERT_EQ(saved.size(), 8U);
  for (size_t i = 0; i < saved.size(); ++i) {
    test::TinyRun resumed(rigl, "AdamW", 2);
    resumed.checkpoint.load(saved[i].path);
    EXPECT_TRUE(resumed.digest() == digests[i]) << i;
    EXPECT_EQ(saved[i].metric, run.losses[i]);
  }
}

TEST(BackgroundSave, ThatFailsIsToldAtTheNextCallOnceAndTheOldFilesStay) {
  const TempFolder folder;
  Small small;
  CheckpointManager manager(small.run, {.folder = folder.path() / "run", .keep_last = 1});
  manager.save(1);
  const auto fails = [&] {
    manager.save_in_background(2);
    manager.wait();
  };
  // A folder stands where the file is to go.
  std::filesystem::create_directories(folder.path() / "run" / "checkpoint-2.safetensors" / "x");
  EXPECT_THROW(fails(), FileError);
  EXPECT_NO_THROW(manager.wait());
  EXPECT_EQ(steps_of(manager.list()), Steps{1});
  manager.save_in_background(2);
  EXPECT_THROW(manager.save(3), FileError);
  EXPECT_EQ(steps_of(manager.list()), Steps{1});
  manager.save(3);
  EXPECT_EQ(steps_of(manager.list()), Steps{3});
  manager.save_in_background(2);
  EXPECT_THROW(manager.save_in_background(4), FileError);
  manager.save_in_background(4);
  manager.wait();
  EXPECT_EQ(steps_of(manager.list()), Steps{4});
}

TEST(BackgroundSave, ThatFailsUnaskedIsAWarning) {
  const TempFolder folder;
  Small small;
  std::vector<std::string> warnings;
  set_log_callback([&](LogLevel, std::string_view text) { warnings.emplace_back(text); });
  {
    CheckpointManager manager(small.run, {.folder = folder.path()});
    std::filesystem::create_directories(folder.path() / "checkpoint-2.safetensors" / "x");
    manager.save_in_background(2);
  }
  set_log_callback({});
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings[0].find("checkpoint-2.safetensors"), std::string::npos) << warnings[0];
}

TEST(BackgroundSave, IsTheParentsAloneAfterAFork) {
  if (kSanitized) GTEST_SKIP() << "the sanitizers' own threads and locks do not survive a fork";
  const TempFolder folder;
  Small small;
  for (int64_t step = 1; step <= 5; ++step) {
    CheckpointManager manager(small.run, {.folder = folder.path(), .keep_last = 1});
    small.value = static_cast<double>(step);
    manager.save_in_background(step);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(30);
      manager.wait();
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    manager.wait();
    EXPECT_EQ(steps_of(manager.list()), Steps{step});
  }
}

}  // namespace
}  // namespace gossamer::train::test_checkpoint_manager
