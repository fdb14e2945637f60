// The seam for processes that share the work: every decision from local gradients passes through one of these, so that
// all processes come to the same one. There is a single process, which gives back what it gets.
#pragma once

#include <span>

namespace gossamer::rt {

// Whether gradients are finite: true where they are in every process.
inline bool all_processes(bool local) { return local; }

// A share of a norm (a sum of powers, or a largest magnitude) of gradients that are spread over processes.
inline double sum_over_processes(double local) { return local; }
inline double max_over_processes(double local) { return local; }

// A block of a dense gradient, of which each process has the part of its own batch: adds up in place, in the same order
// everywhere.
template <class T>
void sum_over_processes(std::span<T>) {}

}  // namespace gossamer::rt
