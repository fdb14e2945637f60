#include "io/file_error.h"

#include <cerrno>
#include <system_error>

#include "gossamer/error.h"
#include "runtime/check.h"

namespace gossamer::io {
namespace {

std::string_view remedy_of(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
      return "check the path";
    case EACCES:
    case EPERM:
    case EROFS:
      return "check the permissions of the file and its folder";
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return "make room, or choose another place";
    case EMFILE:
    case ENFILE:
      return "close other files, or raise the limit (ulimit -n)";
    default:
      return "check the disk or the network behind it";
  }
}

}  // namespace

void fail_file(std::string_view op, std::string_view must, const std::filesystem::path& path, int error) {
  fail<FileError>(op, must, fmt::format("'{}': {}", path.string(), std::generic_category().message(error)),
                  remedy_of(error));
}

}  // namespace gossamer::io
