// What the tests of the data layer share: IDX bytes, messages of errors.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <string>

#include "tests/support/errors.h"
#include "tests/support/files.h"

namespace gossamer::data {

// An IDX file: magic, dimensions, and the elements as given.
inline Bytes idx_bytes(uint8_t type, std::initializer_list<uint32_t> dims, const Bytes& elements) {
  Bytes bytes = {0, 0, type, static_cast<uint8_t>(dims.size())};
  for (const uint32_t dim : dims) {
    for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<uint8_t>(dim >> shift));
  }
  bytes.insert(bytes.end(), elements.begin(), elements.end());
  return bytes;
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace gossamer::data
