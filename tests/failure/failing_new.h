// The global operator new of this program, which fails when it is told to, and counts what lives.
#pragma once

#include <cstdint>

namespace gossamer::test {

// Of allocations through operator new, on any thread.
int64_t live_allocations();

// The most bytes that allocations held at once since it was made, beyond those that lived then.
class PeakMemory {
 public:
  PeakMemory();
  int64_t bytes() const;

 private:
  int64_t before_;
};

enum class Fails { Once, FromThenOn };

// While one lives, the nth allocation throws std::bad_alloc, 1 being the next.
class FailingNew {
 public:
  FailingNew(int64_t nth, Fails fails);
  ~FailingNew();
  FailingNew(const FailingNew&) = delete;
  FailingNew& operator=(const FailingNew&) = delete;

  // Whether an allocation has failed.
  static bool fired();
};

// Every callback of the tests calls it. While a FailingCallback lives the nth call throws Refusal.
struct Refusal {};
void callback();

class FailingCallback {
 public:
  explicit FailingCallback(int64_t nth);
  ~FailingCallback();
  FailingCallback(const FailingCallback&) = delete;
  FailingCallback& operator=(const FailingCallback&) = delete;

  static bool fired();
};

}  // namespace gossamer::test
