#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/io/npy.h"
#include "io/atomic_file.h"
#include "io/npy_format.h"
#include "io/npy_header.h"
#include "io/saving.h"
#include "io/zip.h"
#include "runtime/check.h"
#include "runtime/utf8.h"

namespace gossamer::io {
namespace {

constexpr std::string_view kEnding = ".npy";

StateDict read_npz(const ByteRange& archive, const Origin& origin, const NpzOptions& options) {
  const std::vector<ZipMember> members = read_zip_directory(archive, origin);
  int64_t left = options.max_unpacked_bytes;
  for (const ZipMember& member : members) {
    if (!member.name.ends_with(kEnding)) {
      origin.refuse("every member must be an array, named .npy", shown(member.name),
                    member.name.ends_with("data.pkl")
                        ? "it is a file of PyTorch: rewrite it in Python by safetensors.torch.save_file"
                        : "unpack it with a zip program");
    }
    if (!member.deflated) continue;
    if (member.size > left) {
      origin.refuse(fmt::format("compressed arrays must unpack to at most {} bytes", options.max_unpacked_bytes),
                    "they are more", "raise max_unpacked_bytes if that is right");
    }
    left -= member.size;
  }
  StateDict arrays;
  for (const ZipMember& member : members) {
    const std::string name = member.name.substr(0, member.name.size() - kEnding.size());
    const Origin inside{origin.op, fmt::format("{}: {}", origin.name, member.name)};
    if (member.deflated) {
      const std::vector<std::byte> bytes = inflate_member(archive, member, origin);
      arrays.emplace(name, read_npy(ByteRange(bytes), inside));
    } else {
      check_stored_member(archive, member, origin);
      arrays.emplace(name, read_npy(archive.part(member.begin, member.size), inside));
    }
  }
  return arrays;
}

}  // namespace

StateDict load_npz(const std::filesystem::path& path, const NpzOptions& options) {
  const InputFile file(path, "load_npz");
  return read_npz(ByteRange(file), {file.op(), path.string()}, options);
}

StateDict parse_npz(std::span<const std::byte> bytes, std::string_view name, const NpzOptions& options) {
  return read_npz(ByteRange(bytes), {"parse_npz", std::string(name)}, options);
}

void save_npz(const std::filesystem::path& path, const StateDict& arrays) {
  save_npz(path, arrays, [](const Tensor&) {});
}

void save_npz(const std::filesystem::path& path, const StateDict& arrays, const Written& written) {
  constexpr std::string_view kOp = "save_npz";
  constexpr size_t kMaxName = 0xFFFF - kEnding.size();
  for (const auto& [name, tensor] : arrays) {
    check_defined(kOp, name, tensor);
    if (name.empty() || name.size() > kMaxName || name.find('\0') != std::string::npos || !rt::is_utf8(name)) {
      fail<FormatError>(kOp, fmt::format("names must be UTF-8 without NUL, of 1 to {} bytes", kMaxName), shown(name));
    }
  }
  AtomicFile file(path, kOp);
  ZipWriter writer(file);
  for (const auto& [name, tensor] : arrays) {
    const std::string header = npy_header(tensor);
    writer.add(name + std::string(kEnding), {std::as_bytes(std::span(header)), elements_of(tensor)});
    written(tensor);
  }
  writer.finish();
  file.commit();
}

}  // namespace gossamer::io
