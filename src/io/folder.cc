#include "io/folder.h"

#include <dirent.h>
#include <fcntl.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "io/file_descriptor.h"
#include "io/system_calls.h"

namespace gossamer::io {

std::vector<std::string> names_in(int from, const char* path, int& error) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  std::vector<std::string> names;
  const int folder = uninterrupted([&] { return system_calls().openat(from, path, kFlags, 0); });
  error = folder < 0 ? errno : 0;
  if (folder < 0) return names;
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(fdopendir(folder), closedir);
  if (entries == nullptr) {
    error = errno;
    static_cast<void>(FileDescriptor(folder).close());
    return names;
  }
  for (;;) {
    errno = 0;
    const dirent* const entry = readdir(entries.get());  // one stream is read by one thread
    error = errno;
    if (entry == nullptr) return names;
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
}

}  // namespace gossamer::io
