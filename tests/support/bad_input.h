// Tables of what is refused: the type of the exception, and the form of its message.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>

#include "gossamer/error.h"
#include "tests/support/errors.h"

namespace gossamer {

enum class Thrown { State, Shape, DType, Index, Config };

struct BadInput {
  std::string op;  // what the message begins with
  std::string what;
  Thrown thrown;
  std::function<void()> fn;
};

inline void PrintTo(const BadInput& bad, std::ostream* os) { *os << bad.op << "_" << bad.what; }
inline std::string name_of_bad_input(const testing::TestParamInfo<BadInput>& row) {
  return row.param.op + "_" + row.param.what;
}

inline std::string message_of(Thrown type, const std::function<void()>& fn) {
  switch (type) {
    case Thrown::State:
      return message_of<StateError>(fn);
    case Thrown::Shape:
      return message_of<ShapeError>(fn);
    case Thrown::DType:
      return message_of<DTypeError>(fn);
    case Thrown::Index:
      return message_of<IndexError>(fn);
    case Thrown::Config:
      return message_of<ConfigError>(fn);
  }
  return "";
}

// The message is "op: what must hold; what was given", the remedy being optional.
inline void expect_refused(const BadInput& bad) {
  const std::string message = message_of(bad.thrown, bad.fn);
  const size_t given = message.find("; ");
  EXPECT_TRUE(message.starts_with(bad.op + ": ") && given != std::string::npos && given + 2 < message.size())
      << message;
}

}  // namespace gossamer
