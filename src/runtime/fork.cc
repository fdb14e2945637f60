#include "runtime/fork.h"

#include <pthread.h>

namespace gossamer::rt {

namespace {

constinit std::atomic<unsigned> g_generation{0};

// Runs when the library is loaded.
[[maybe_unused]] const int g_registered =
    pthread_atfork(nullptr, nullptr, [] { g_generation.fetch_add(1, std::memory_order_relaxed); });

}  // namespace

unsigned fork_generation() noexcept { return g_generation.load(std::memory_order_relaxed); }

}  // namespace gossamer::rt
