// Every byte that goes through operator new, the library's tensors and scratch included.
#pragma once

#include <cstdint>

namespace gossamer::test {

// Bytes allocated and not yet freed.
int64_t live_bytes();

// Calls of operator new so far.
int64_t allocations();

// The largest live_bytes() since the last reset.
int64_t peak_bytes();
void reset_peak();

}  // namespace gossamer::test
