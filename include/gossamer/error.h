// The exceptions of the library. All are thrown at the public boundary, with a message of the form `op: what must hold;
// what was given; remedy`, and leave every object as it was before the call. Memory that cannot be had is a
// std::bad_alloc and no Error, as everywhere in C++: a message would need memory, too.
#pragma once

#include <stdexcept>

#include "gossamer/version.h"

#pragma GCC visibility push(default)
namespace gossamer {

// Base of everything that the library throws on purpose.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Sizes or ranks do not fit together.
class ShapeError final : public Error {
 public:
  using Error::Error;
};

// A label, an index or a position outside its range.
class IndexError final : public Error {
 public:
  using Error::Error;
};

// An element type that the operation does not take.
class DTypeError final : public Error {
 public:
  using Error::Error;
};

// The call comes at the wrong time: a graph used twice, a tensor changed since it was saved, apply in the wrong order.
class StateError final : public Error {
 public:
  using Error::Error;
};

// A file that cannot be found, opened, read, written or made durable; the message names its path and the cause.
class FileError final : public Error {
 public:
  using Error::Error;
};

// A file or a checkpoint whose content is not what its format says.
class FormatError final : public Error {
 public:
  using Error::Error;
};

// A setting outside its range, a name that does not exist, options that exclude each other.
class ConfigError final : public Error {
 public:
  using Error::Error;
};

}  // namespace gossamer
#pragma GCC visibility pop
