#include "train/files.h"

#include <fmt/format.h>

#include <charconv>
#include <system_error>
#include <utility>

#include "gossamer/error.h"
#include "gossamer/io/safetensors.h"
#include "gossamer/train/checkpoint.h"
#include "gossamer/version.h"
#include "runtime/check.h"

namespace gossamer::train {

void check_metadata(const char* op, const Metadata& metadata) {
  for (const auto& [name, text] : metadata) {
    if (!name.starts_with(kOwnPrefix)) continue;
    fail<ConfigError>(op, fmt::format("names of metadata that begin with '{}' are taken", kOwnPrefix),
                      fmt::format("'{}'", name), "choose another name");
  }
}

void write_run(const std::filesystem::path& path, const StateDict& dict, Metadata metadata) {
  metadata[kFormatKey] = fmt::format("{}", kFormat);
  metadata["gossamer.version"] = version();
  io::save_safetensors(path, dict, {.metadata = std::move(metadata)});
}

void check_format(const std::filesystem::path& path, const Metadata& metadata) {
  constexpr const char* kOp = "Checkpoint::load";
  const auto found = metadata.find(kFormatKey);
  if (found == metadata.end()) {
    fail<FormatError>(kOp, "the file must be the checkpoint of a run",
                      fmt::format("'{}' has no metadata '{}'", path.string(), kFormatKey),
                      "load weights alone by model.load_state_dict(io::load_safetensors(path))");
  }
  const std::string& text = found->second;
  int format = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), format);
  if (error == std::errc() && stop == text.data() + text.size() && format >= 1 && format <= kFormat) return;
  fail<FormatError>(kOp, fmt::format("the checkpoint's format must be at most {}", kFormat),
                    fmt::format("'{}' has format '{}'", path.string(), text),
                    "use the version of the library that wrote it, or a later one");
}

void Checkpoint::save(const std::filesystem::path& path, const SaveOptions& options) const {
  check_metadata("Checkpoint::save", options.metadata);
  write_run(path, state_dict(options), options.metadata);
}

CheckpointInfo Checkpoint::load(const std::filesystem::path& path, const LoadRunOptions& options) const {
  const io::Safetensors file = io::Safetensors::open(path);
  check_format(path, file.metadata());
  CheckpointInfo info{.metadata = file.metadata(), .parts = {}};
  try {
    info.parts = load_state_dict(file.state_dict(), options);
  } catch (const FormatError& error) {
    throw FormatError(fmt::format("Checkpoint::load: '{}': {}", path.string(), error.what()));
  }
  return info;
}

}  // namespace gossamer::train
