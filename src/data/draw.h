// Numbers and orders drawn from a keyed stream.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "gossamer/random.h"

namespace gossamer::data {

// A number of [0, n), each equally likely. `draws` is the place in the stream `key`, and moves on.
inline uint64_t draw_below(uint64_t key, uint64_t& draws, uint64_t n) {
  // Below 2^64 mod n a draw is thrown away: with those, small remainders would come more often.
  const uint64_t reject_below = (0 - n) % n;
  uint64_t bits = random_bits(key, draws++);
  while (bits < reject_below) bits = random_bits(key, draws++);
  return bits % n;
}

// A permutation, every one equally likely (Fisher and Yates).
inline void shuffle(std::vector<int64_t>& order, uint64_t key) {
  uint64_t draws = 0;
  for (uint64_t left = order.size(); left > 1; --left) std::swap(order[left - 1], order[draw_below(key, draws, left)]);
}

}  // namespace gossamer::data
