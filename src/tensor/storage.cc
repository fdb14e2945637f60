#include "tensor/storage.h"

#include <mutex>
#include <utility>

#include "runtime/buffers.h"

namespace gossamer {

namespace {
constexpr int64_t kFloat = sizeof(float);
}  // namespace

Storage::Storage(int64_t bytes, Memory memory)
    : rows_(memory == Memory::Kept ? rt::take_buffer(bytes) : rt::new_buffer(bytes)), bytes_(bytes), memory_(memory) {}

Storage::Storage(int64_t n, int64_t features, int width)
    : bytes_(n * features * kFloat), n_(n), features_(features), width_(width) {
  tile_data_ = reinterpret_cast<float*>(rt::take_buffer(tile_bytes()));
}

Storage::Storage(std::byte* rows, int64_t bytes, std::shared_ptr<void> owner)
    : rows_(rows), bytes_(bytes), memory_(Memory::Borrowed), owner_(std::move(owner)) {}

Storage::~Storage() {
  give_rows();
  give_tiles();
}

int64_t Storage::tile_bytes() const { return Batch<float>{nullptr, n_, features_, width_}.padded() * kFloat; }

void Storage::give_rows() {
  std::byte* const rows = rows_.exchange(nullptr);
  switch (memory_) {
    case Memory::Kept:
      return rt::give_buffer(rows, bytes_);
    case Memory::Returned:
      return rt::delete_buffer(rows);
    case Memory::Borrowed:
      break;
  }
}

void Storage::give_tiles() {
  if (tile_data_.load(std::memory_order_relaxed) == nullptr) return;
  rt::give_buffer(reinterpret_cast<std::byte*>(tile_data_.exchange(nullptr)), tile_bytes());
}

std::byte* Storage::unpack() const {
  const std::lock_guard lock(unpacking_);
  if (std::byte* const rows = rows_.load(std::memory_order_relaxed)) return rows;
  std::byte* const rows = rt::take_buffer(bytes_);
  unpack_batch(tiles(), Batch<float>{reinterpret_cast<float*>(rows), n_, features_});
  rows_.store(rows, std::memory_order_release);
  return rows;
}

std::byte* Storage::open_rows() {
  std::byte* const rows = bytes();
  give_tiles();  // the rows are there: unpack() does not read them again
  mark_written();
  return rows;
}

Batch<float> Storage::open_tiles() {
  give_rows();
  mark_written();
  return tiles();
}

}  // namespace gossamer
