#include "io/mapped_file.h"

#include <sys/mman.h>

#include <cerrno>

#include "io/file_error.h"

namespace gossamer::io {

MappedFile::~MappedFile() {
  if (const std::byte* const bytes = bytes_.load()) {
    munmap(const_cast<std::byte*>(bytes), static_cast<size_t>(size()));
  }
}

std::span<const std::byte> MappedFile::bytes() const {
  const auto size_of_map = static_cast<size_t>(size());
  if (size_of_map == 0) return {};
  if (const std::byte* const bytes = bytes_.load(std::memory_order_acquire)) return {bytes, size_of_map};
  const std::lock_guard lock(mapping_);
  const std::byte* bytes = bytes_.load(std::memory_order_relaxed);
  if (bytes == nullptr) {
    void* const map = system_calls().mmap(nullptr, size_of_map, PROT_READ, MAP_PRIVATE, file_.fd(), 0);
    if (map == MAP_FAILED) fail_file(file_.op(), "the file must fit into the address space", file_.path(), errno);
    bytes = static_cast<const std::byte*>(map);
    bytes_.store(bytes, std::memory_order_release);
  }
  return {bytes, size_of_map};
}

}  // namespace gossamer::io
