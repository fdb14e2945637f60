// The log callback: who is called, and that replacing it is safe at any time.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "gossamer/runtime.h"
#include "runtime/log.h"

namespace gossamer::test_log {
namespace {

class Log : public testing::Test {
 protected:
  void TearDown() override { set_log_callback({}); }
};

TEST_F(Log, GivesLevelAndMessageToTheCallback) {
  std::vector<std::pair<LogLevel, std::string>> seen;
  set_log_callback([&](LogLevel level, std::string_view message) { seen.emplace_back(level, message); });
  rt::log(LogLevel::Warning, "applied twice");
  rt::log(LogLevel::Info, "one thread");
  const std::vector<std::pair<LogLevel, std::string>> expected{{LogLevel::Warning, "applied twice"},
                                                               {LogLevel::Info, "one thread"}};
  EXPECT_EQ(seen, expected);
}

TEST_F(Log, AnEmptyCallbackRestoresSilence) {
  int calls = 0;
  set_log_callback([&](LogLevel, std::string_view) { ++calls; });
  set_log_callback({});
  rt::log(LogLevel::Warning, "unheard");
  EXPECT_EQ(calls, 0);
}

TEST_F(Log, TellsWhetherSomebodyReadsIt) {
  EXPECT_FALSE(rt::has_log_callback());
  set_log_callback([](LogLevel, std::string_view) {});
  EXPECT_TRUE(rt::has_log_callback());
  set_log_callback({});
  EXPECT_FALSE(rt::has_log_callback());
}

TEST_F(Log, AWarningWithoutACallbackGoesToStandardErrorOnce) {
  testing::internal::CaptureStderr();
  rt::warn("'{}' stays dense", "fc1");
  rt::warn("'{}' stays dense", "fc1");
  rt::warn("'{}' stays dense", "fc2");
  rt::log(LogLevel::Warning, "a deprecated name");
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "gossamer: warning: 'fc1' stays dense\ngossamer: warning: 'fc2' stays dense\n");
}

TEST_F(Log, AWarningGoesToTheCallbackAloneAndEveryTime) {
  int calls = 0;
  set_log_callback([&](LogLevel level, std::string_view message) {
    EXPECT_EQ(level, LogLevel::Warning);
    EXPECT_EQ(message, "heard");
    ++calls;
  });
  testing::internal::CaptureStderr();
  rt::warn("heard");
  rt::warn("heard");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(calls, 2);
}

TEST_F(Log, WarningsWithoutACallbackAreFew) {
  testing::internal::CaptureStderr();
  for (int i = 0; i < 100; ++i) rt::warn("warning {}", i);
  const std::string printed = testing::internal::GetCapturedStderr();
  EXPECT_LE(std::count(printed.begin(), printed.end(), '\n'), static_cast<std::ptrdiff_t>(rt::kMaxPrinted));
}

TEST_F(Log, WhatACallbackThrowsIsDropped) {
  set_log_callback([](LogLevel, std::string_view) { throw std::runtime_error("full"); });
  EXPECT_NO_THROW(rt::log(LogLevel::Info, "hello"));
  EXPECT_NO_THROW(rt::warn("hello"));
}

TEST_F(Log, ACallbackMayReplaceItself) {
  int first = 0;
  int second = 0;
  set_log_callback([&](LogLevel, std::string_view) {
    ++first;
    set_log_callback([&](LogLevel, std::string_view) { ++second; });
  });
  rt::log(LogLevel::Info, "to the first");
  rt::log(LogLevel::Info, "to the second");
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 1);
}

TEST_F(Log, IsSafeFromSeveralThreadsWhileTheCallbackIsReplaced) {
  const auto calls = std::make_shared<std::atomic<int>>(0);
  const LogCallback count = [calls](LogLevel, std::string_view) { ++*calls; };
  set_log_callback(count);
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        set_log_callback(count);
        rt::log(LogLevel::Info, "hello");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(*calls, 600);
}

}  // namespace
}  // namespace gossamer::test_log
