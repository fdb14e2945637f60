// System calls that fail when they are told to.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/system_calls.h"

namespace gossamer::io {

// While one lives, the nth system call of the layer io, 1 being the first, goes wrong.
class FailingCalls {
 public:
  enum class Fault {
    Error,        // it does nothing and fails with an errno
    Interrupted,  // it is interrupted once: EINTR
    Short,        // read, pread and write handle one byte
  };

  FailingCalls(int64_t nth, Fault fault, int error = 0);
  ~FailingCalls();
  FailingCalls(const FailingCalls&) = delete;
  FailingCalls& operator=(const FailingCalls&) = delete;

  // The calls that were made, by name.
  static const std::vector<std::string>& calls();
  // Whether the nth was made.
  static bool fired();

 private:
  SystemCalls before_;
};

}  // namespace gossamer::io
