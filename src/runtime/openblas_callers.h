// Who may be in OpenBLAS at once. Each caller needs one of OpenBLAS's buffers: it maps them when they are needed, tries
// for ever where it cannot, and has a fixed number of places for them.
#pragma once

namespace gossamer::rt {

// For the time of one product. Waits while every buffer is taken. Throws StateError when not even one can be had.
class OpenBlasCaller {
 public:
  OpenBlasCaller();
  ~OpenBlasCaller();
  OpenBlasCaller(const OpenBlasCaller&) = delete;
  OpenBlasCaller& operator=(const OpenBlasCaller&) = delete;
};

// Makes sure of a buffer for one product at least, and of one for each thread if there is memory: for a start. Throws
// StateError like OpenBlasCaller.
void reserve_openblas_buffers();

}  // namespace gossamer::rt
