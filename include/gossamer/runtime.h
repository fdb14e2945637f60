// Process-wide settings: log callback, threads of OpenBLAS, threads of a region, kept memory.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/version.h"

#pragma GCC visibility push(default)
namespace gossamer {

enum class LogLevel { Info, Warning };

using LogCallback = std::function<void(LogLevel, std::string_view message)>;

// Takes warnings and notices; an empty callback restores the default. The library prints in one case: without a
// callback, a warning that a result will not be what was asked for goes to standard error once. Thread-safe; the
// callback may be called from any thread that calls the library, and what it throws is dropped.
void set_log_callback(LogCallback callback);

enum class Blas {
  SingleThread,  // the first dense product sets OpenBLAS to one thread, once; the library splits products itself
  Leave,         // OpenBLAS keeps its threads; equal bits for any number of threads are then not guaranteed
};

struct RuntimeOptions {
  Blas blas = Blas::SingleThread;
};

// Sets process-wide options. Throws StateError when the BLAS option changes after the first dense product.
void runtime(const RuntimeOptions& options);

// Runs body with at most `threads` threads (the caller included), even above the number of cores. Elsewhere the library
// works in the arena of the calling thread: an application's own task_arena is respected. Calls at the same time share
// the workers that the largest of them asks for. Throws ConfigError unless threads lies in [1, max(256, twice the
// cores)]. Exceptions of body pass through.
void with_threads(int threads, const std::function<void()>& body);

// Threads that a parallel region started here may use; 1 in the child of a fork whose parent had run one
// (docs/embedding.md).
int max_threads();

// Bytes that are kept for the next tensors and graphs: of freed buffers, 64 MiB at most in the whole process, and of
// small blocks that the calling thread freed, 1 MiB at most (docs/embedding.md).
int64_t cached_memory();

// Frees them and returns how many they were. Thread-safe; tensors that are alive keep theirs.
int64_t release_cached_memory();

// Name of the SIMD instruction set that the kernels use on this machine, such as "AVX2" or "NEON": the best of
// simd_targets(), unless another was set.
std::string_view simd_target();

// Those that this machine has, best first. Fewer after one was set.
std::vector<std::string> simd_targets();

// Keeps the kernels, and whatever else in the process uses Highway, from better targets than this one; the environment
// variable GOSSAMER_SIMD does the same when the library is loaded, and warns where it cannot. Throws ConfigError where
// this machine has no such target, StateError after the first operation.
void set_simd_target(std::string_view name);

}  // namespace gossamer
#pragma GCC visibility pop
