#include "tensor/storage.h"

#include <new>

namespace gossamer {

// Through operator new, so that an application that replaces it sees every byte of the library.
Storage::Storage(int64_t bytes)
    : bytes_(static_cast<std::byte*>(::operator new (static_cast<size_t>(bytes), std::align_val_t{kAlignment}))) {}

Storage::~Storage() { ::operator delete (bytes_, std::align_val_t{kAlignment}); }

}  // namespace gossamer
