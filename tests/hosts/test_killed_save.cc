// A process that is killed while it saves: the path names the last file that was acknowledged, or a newer one, whole.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "tests/hosts/child.h"
#include "tests/support/files.h"

namespace gossamer::host::test_killed_save {
namespace {

namespace fs = std::filesystem;

void save(const fs::path& path, int64_t step) {
  io::save_safetensors(path, {{"step", Tensor::full({}, static_cast<double>(step), DType::i64)},
                              {"weight", Tensor::full({64, 1024}, static_cast<double>(step))}});
}

// The step of the file, which must be whole; 0 where there is none.
int64_t step_of(const fs::path& path) {
  if (!fs::exists(path)) return 0;
  const StateDict dict = io::load_safetensors(path);
  const auto step = dict.at("step").item<int64_t>();
  const auto weight = dict.at("weight").span<float>();
  require(std::ranges::all_of(weight, [=](float x) { return x == static_cast<float>(step); }), "a torn file\n");
  return step;
}

// Saves step after step, and writes each to the pipe when it is saved. Never returns.
[[noreturn]] void save_for_ever(const fs::path& path, int64_t step, int acknowledge) {
  for (;; ++step) {
    save(path, step);
    require(write(acknowledge, &step, sizeof(step)) == sizeof(step), "no acknowledgement\n");
  }
}

// Lets a child save and kills it after some milliseconds. Returns the last step that it acknowledged.
int64_t kill_a_save(const fs::path& path, int64_t acknowledged, double milliseconds) {
  int ends[2];
  require(pipe(ends) == 0, "no pipe\n");
  const pid_t child = fork();
  require(child >= 0, "no child\n");
  if (child == 0) {
    close(ends[0]);
    save_for_ever(path, step_of(path) + 1, ends[1]);
  }
  close(ends[1]);
  usleep(static_cast<useconds_t>(milliseconds * 1000));
  kill(child, SIGKILL);
  int status = 0;
  require(waitpid(child, &status, 0) == child && WIFSIGNALED(status), "the child ended by itself\n");
  for (int64_t step = 0; read(ends[0], &step, sizeof(step)) == sizeof(step);) acknowledged = step;
  close(ends[0]);
  return acknowledged;
}

int64_t files_in(const fs::path& folder) { return std::distance(fs::directory_iterator(folder), {}); }

// GOSSAMER_KILLS: how often, 10 times otherwise.
TEST(KilledSave, LeavesTheLastAcknowledgedFileOrANewerOneAndWhatItLeftIsRemovedByTheNext) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        const char* const wanted = std::getenv("GOSSAMER_KILLS");
        const int kills = wanted == nullptr ? 10 : std::atoi(wanted);
        if (wanted == nullptr) limit_time();
        const TempFolder folder;
        const fs::path path = folder.path() / "checkpoint.safetensors";
        int64_t acknowledged = 0;
        int leftovers = 0;
        for (int i = 0; i < kills; ++i) {
          // Up to some saves long.
          acknowledged = kill_a_save(path, acknowledged, 60 * random_double(1, static_cast<uint64_t>(i)));
          require(step_of(path) >= acknowledged, "an acknowledged file is gone\n");
          require(files_in(folder.path()) <= 2, "the next save has not removed what was left\n");
          leftovers += files_in(folder.path()) - static_cast<int>(fs::exists(path)) > 0;
        }
        save(path, acknowledged + 1);
        require(files_in(folder.path()) == 1, "the next save has not removed what was left\n");
        if (wanted != nullptr) {
          std::cout << kills << " kills, " << acknowledged << " saves acknowledged, " << leftovers
                    << " temporary files left" << std::endl;
        }
        fs::remove_all(folder.path());
        _exit(0);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace gossamer::host::test_killed_save
