// Saving so that a path always names a whole file, whatever fails.
#include "io/atomic_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/io/safetensors.h"
#include "tests/io/failing_calls.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace gossamer::io::test_atomic_file {
namespace {

namespace fs = std::filesystem;
using Fault = FailingCalls::Fault;

constexpr const char* kOp = "test";

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename().string());
  return names;
}

void save(const fs::path& path, float value) {
  // More than the buffer of an AtomicFile, so that there are several writes.
  save_safetensors(path, {{"large", Tensor::full({100'000}, value)}, {"small", Tensor::full({1}, value)}});
}

// The value of a file that is whole.
float loaded(const fs::path& path) {
  const StateDict dict = load_safetensors(path);
  const auto large = dict.at("large").span<float>();
  const float value = dict.at("small").item<float>();
  EXPECT_TRUE(std::ranges::all_of(large, [=](float x) { return x == value; }));
  return value;
}

TEST(AtomicFile, EverySystemCallThatFailsLeavesTheOldFileOrTheNewOneAndSaysWhy) {
  const TempFolder folder;
  const fs::path path = folder.path() / "model.safetensors";
  std::set<std::string> reported;
  std::set<std::string> passed_over;
  for (const int error : {EIO, ENOSPC}) {
    for (int64_t n = 1;; ++n) {
      save(path, 1);
      std::string message;
      {
        const FailingCalls failing(n, Fault::Error, error);
        try {
          save(path, 2);
        } catch (const FileError& thrown) {
          message = thrown.what();
        }
      }
      if (!FailingCalls::fired()) break;
      const auto calls = std::span(FailingCalls::calls()).first(static_cast<size_t>(n));
      const std::string& call = calls.back();
      SCOPED_TRACE(call + ", call " + std::to_string(n));
      const bool is_folder_sync = call == "fsync" && std::ranges::count(calls, call) == 2;
      if (message.empty()) {
        passed_over.insert(call);
        EXPECT_EQ(loaded(path), 2);
      } else {
        reported.insert(call + std::to_string(std::ranges::count(calls, call)));
        EXPECT_TRUE(message.starts_with("save_safetensors: the ")) << message;
        const std::string cause = error == EIO ? "Input/output error" : "No space left on device";
        EXPECT_NE(message.find("; " + quoted(path) + ": " + cause + "; "), std::string::npos) << message;
        EXPECT_EQ(loaded(path), is_folder_sync ? 2 : 1);
      }
      EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"model.safetensors"});
    }
  }
  // The folder and, behind a list of it, the temporary file are opened; three parts are written; the file and its
  // folder are synced.
  EXPECT_EQ(reported, (std::set<std::string>{"openat1", "fstatat1", "openat3", "fstat1", "duplicate1", "write1",
                                             "write2", "write3", "fsync1", "close1", "renameat1", "fsync2"}));
  // Without the list or locks leftovers stay; what is closed at the end is on the disk.
  EXPECT_EQ(passed_over, (std::set<std::string>{"openat", "flock", "close"}));
}

TEST(AtomicFile, DoesWithoutASyncOfTheFolderWhereTheFileSystemHasNone) {
  const TempFolder folder;
  const fs::path path = folder.path() / "a.bin";
  std::vector<std::string> calls;
  {
    const FailingCalls counting(0, Fault::Error);
    AtomicFile(path, kOp).commit();
    calls = FailingCalls::calls();
  }
  const auto last_sync = std::ranges::find(calls.rbegin(), calls.rend(), "fsync");
  const FailingCalls failing(calls.rend() - last_sync, Fault::Error, EINVAL);
  AtomicFile(path, kOp).commit();
  EXPECT_TRUE(FailingCalls::fired() && fs::exists(path));
}

TEST(AtomicFile, EverySystemCallThatIsInterruptedOrDoesAPartGoesOn) {
  const TempFolder folder;
  const fs::path path = folder.path() / "model.safetensors";
  for (const Fault fault : {Fault::Interrupted, Fault::Short}) {
    for (int64_t n = 1;; ++n) {
      const auto value = static_cast<float>(n);
      {
        const FailingCalls failing(n, fault);
        save(path, value);
      }
      if (!FailingCalls::fired()) break;
      EXPECT_EQ(loaded(path), value) << FailingCalls::calls()[static_cast<size_t>(n - 1)];
      EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"model.safetensors"});
    }
  }
}

TEST(InputFile, EverySystemCallOfALoadThatFailsIsReportedAndGoesOnWhereItIsInterruptedOrShort) {
  const TempFolder folder;
  const fs::path path = folder.path() / "model.safetensors";
  save(path, 3);
  for (const Fault fault : {Fault::Error, Fault::Interrupted, Fault::Short}) {
    for (int64_t n = 1;; ++n) {
      const FailingCalls failing(n, fault, EIO);
      std::string message;
      float value = 0;
      try {
        value = loaded(path);
      } catch (const FileError& thrown) {
        message = thrown.what();
      }
      if (!FailingCalls::fired()) break;
      const std::string& call = FailingCalls::calls()[static_cast<size_t>(n - 1)];
      if (fault == Fault::Error && call != "close") {
        EXPECT_EQ(message, "load_safetensors: the file must be readable; " + quoted(path) +
                               ": Input/output error; check the disk or the network behind it");
      } else {
        EXPECT_EQ(value, 3) << call << ": " << message;
      }
    }
  }
  const Safetensors file = Safetensors::open(path);
  const FailingCalls failing(1, Fault::Error, ENOMEM);
  EXPECT_NE(message_of<FileError>([&] { file.bytes("small"); }).find("Cannot allocate memory"), std::string::npos);
  EXPECT_EQ(file.bytes("small").size(), 4U) << "the next call maps the file";
}

TEST(InputFile, AFileThatBecomesShorterWhileItIsReadIsReported) {
  const TempFolder folder;
  const fs::path path = folder.path() / "model.safetensors";
  save(path, 3);
  const Safetensors file = Safetensors::open(path);
  fs::resize_file(path, 1000);
  EXPECT_NE(message_of<FileError>([&] { file.state_dict(); }).find("has become shorter"), std::string::npos);
}

TEST(AtomicFile, RemovesWhatKilledProcessesLeftAndNothingElse) {
  const TempFolder folder;
  const fs::path path = folder.path() / "a.bin";
  // Of another target, or no temporary file of ours.
  const std::set<std::string> others = {".b.bin.1.0.tmp", ".a.bin..0.tmp", ".a.bin.1.x.tmp", ".a.bin.1.0.tmp.bak",
                                        "a.bin.1.0.tmp",  ".a.bin.tmp",    ".a.bin.1.tmp"};
  for (const std::string& name : others) folder.write(name, {1});
  folder.write(".a.bin.1.0.tmp", {1});
  folder.write(".a.bin.999999.17.tmp", {1});
  std::set<std::string> expected = others;
  {
    AtomicFile in_use(path, kOp);
    EXPECT_EQ(names_in(folder.path()).size(), others.size() + 1);
    in_use.write("first");
    AtomicFile second(path, kOp);
    second.write("second");
    EXPECT_EQ(names_in(folder.path()).size(), others.size() + 2) << "of a save that goes on";
    second.commit();
    in_use.commit();
  }
  expected.insert("a.bin");
  EXPECT_EQ(names_in(folder.path()), expected);
  EXPECT_EQ(fs::file_size(path), 5U);
}

TEST(AtomicFile, IsRemovedWhereItIsNotCommitted) {
  const TempFolder folder;
  const fs::path path = folder.write("a.bin", {1, 2, 3});
  {
    AtomicFile file(path, kOp);
    file.write(std::string(1'000'000, 'x'));
  }
  EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"a.bin"});
  EXPECT_EQ(fs::file_size(path), 3U);
}

TEST(AtomicFile, ReplacesTheFileThatALinkLeadsTo) {
  const TempFolder folder;
  fs::create_directory(folder.path() / "real");
  fs::create_symlink("real/a.bin", folder.path() / "second");
  fs::create_symlink(folder.path() / "second", folder.path() / "first");
  for (const std::string text : {"new", "newer"}) {  // the link leads nowhere at first
    AtomicFile file(folder.path() / "first", kOp);
    file.write(text);
    file.commit();
    EXPECT_TRUE(fs::is_symlink(folder.path() / "first") && fs::is_symlink(folder.path() / "second"));
    EXPECT_EQ(fs::file_size(folder.path() / "real" / "a.bin"), text.size());
  }
  EXPECT_EQ(names_in(folder.path() / "real"), std::set<std::string>{"a.bin"});
  fs::create_symlink("loop", folder.path() / "loop");
  EXPECT_NE(message_of<FileError>([&] { AtomicFile(folder.path() / "loop", kOp); }).find("symbolic links"),
            std::string::npos);
}

TEST(AtomicFile, KeepsPermissionsAndTakesNoMoreThanTheUmaskLeaves) {
  const TempFolder folder;
  const fs::path path = folder.path() / "a.bin";
  const auto mode_after_save = [&] {
    AtomicFile(path, kOp).commit();
    return static_cast<unsigned>(fs::status(path).permissions());
  };
  const mode_t before = umask(027);
  EXPECT_EQ(mode_after_save(), 0640U);
  fs::permissions(path, static_cast<fs::perms>(0600));
  EXPECT_EQ(mode_after_save(), 0600U);
  umask(before);
}

TEST(AtomicFile, RefusesAPathThatCannotBeAFile) {
  const TempFolder folder;
  const auto fault = [&](const fs::path& path) { return message_of<FileError>([&] { AtomicFile(path, kOp); }); };
  EXPECT_EQ(fault(folder.path() / "absent" / "a"), "test: the folder of the file must exist and be readable; " +
                                                       quoted(folder.path() / "absent" / "a") +
                                                       ": No such file or directory; check the path");
  EXPECT_NE(fault(folder.path()).find("must name a regular file, or none"), std::string::npos);
  EXPECT_NE(fault(folder.path() / "").find("must name a file"), std::string::npos);
  EXPECT_NE(fault(folder.path() / "..").find("must name a file"), std::string::npos);
  EXPECT_NE(fault("").find("must name a file"), std::string::npos);
  ASSERT_EQ(mkfifo((folder.path() / "pipe").c_str(), 0600), 0);
  EXPECT_NE(fault(folder.path() / "pipe").find("must name a regular file, or none"), std::string::npos);
  EXPECT_NE(fault(folder.path() / std::string(256, 'x')).find("File name too long"), std::string::npos);
  EXPECT_EQ(names_in(folder.path()), std::set<std::string>{"pipe"});
}

TEST(AtomicFile, WritesNamesOfAnyLengthAndInTheCurrentFolder) {
  const TempFolder folder;
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  const std::string name(255, 'x');
  AtomicFile(name, kOp).commit();
  fs::current_path(before);
  EXPECT_EQ(names_in(folder.path()), std::set<std::string>{name});
}

}  // namespace
}  // namespace gossamer::io::test_atomic_file
