#include "train/folder.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "gossamer/error.h"
#include "gossamer/io/safetensors.h"
#include "io/atomic_file.h"
#include "io/file_error.h"
#include "io/folder.h"
#include "runtime/check.h"
#include "runtime/log.h"

namespace gossamer::train {

namespace {

constexpr const char* kOp = "CheckpointManager";
constexpr std::string_view kExtension = ".safetensors";
constexpr const char* kStepKey = "gossamer.step";
constexpr const char* kNumberKey = "gossamer.number";
constexpr const char* kMetricKey = "gossamer.metric";
constexpr int64_t kMaxNumber = int64_t{1} << 53;  // counting on from it overflows nothing

// The whole text as a number.
template <class T>
std::optional<T> parse(std::string_view text) {
  T number{};
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return number;
}

template <class T>
std::optional<T> parse(const Metadata& metadata, const char* key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? std::nullopt : parse<T>(found->second);
}

// The step of a file called <name>-<step>.safetensors.
std::optional<int64_t> step_of(std::string_view file, std::string_view name) {
  if (!file.starts_with(name) || !file.ends_with(kExtension)) return std::nullopt;
  if (file.size() < name.size() + 1 + kExtension.size()) return std::nullopt;
  std::string_view middle = file.substr(name.size(), file.size() - name.size() - kExtension.size());
  if (!middle.starts_with('-')) return std::nullopt;
  const auto step = parse<int64_t>(middle.substr(1));
  return step && *step >= 0 ? step : std::nullopt;
}

// What the file says of itself; nothing where it is no checkpoint of a manager.
std::optional<SavedCheckpoint> read(const std::filesystem::path& path, int64_t step) {
  try {
    const io::Safetensors file = io::Safetensors::open(path);
    const Metadata& metadata = file.metadata();
    const auto number = parse<int64_t>(metadata, kNumberKey);
    if (parse<int64_t>(metadata, kStepKey) != step || !number || *number < 0 || *number > kMaxNumber) {
      return std::nullopt;
    }
    return SavedCheckpoint{
        .path = path, .step = step, .metric = parse<double>(metadata, kMetricKey), .number = *number};
  } catch (const Error& error) {
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) rt::warn("{}: a file is passed over: {}", kOp, error.what());
    return std::nullopt;
  }
}

// What processes left that were killed while they wrote ".<name>-<step>.safetensors.<more>".
void remove_leftovers(const CheckpointManagerOptions& options) {
  int ignored = 0;
  for (const std::string& name : io::names_in(AT_FDCWD, options.folder.c_str(), ignored)) {
    const size_t end = name.rfind(kExtension);
    if (!name.starts_with('.') || end == std::string::npos) continue;
    const std::string target = name.substr(1, end + kExtension.size() - 1);
    if (step_of(target, options.name)) io::remove_leftovers(options.folder / target);
  }
}

}  // namespace

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error && !std::filesystem::is_directory(folder)) {
    io::fail_file(kOp, "the folder must be made", folder, error.value());
  }
}

std::filesystem::path file_of(const CheckpointManagerOptions& options, int64_t step) {
  return options.folder / fmt::format("{}-{}{}", options.name, step, kExtension);
}

void describe(const SavedCheckpoint& checkpoint, Metadata& metadata) {
  metadata[kStepKey] = fmt::format("{}", checkpoint.step);
  metadata[kNumberKey] = fmt::format("{}", checkpoint.number);
  if (checkpoint.metric) metadata[kMetricKey] = fmt::format("{}", *checkpoint.metric);
}

std::vector<SavedCheckpoint> list_folder(const CheckpointManagerOptions& options) {
  int error = 0;
  std::vector<SavedCheckpoint> all;
  for (const std::string& name : io::names_in(AT_FDCWD, options.folder.c_str(), error)) {
    const auto step = step_of(name, options.name);
    const std::filesystem::path path = options.folder / name;
    std::error_code ignored;
    if (!step || !std::filesystem::is_regular_file(path, ignored)) continue;
    if (auto checkpoint = read(path, *step)) all.push_back(std::move(*checkpoint));
  }
  if (error != 0) io::fail_file(kOp, "the folder must be read", options.folder, error);
  std::ranges::sort(all, {}, [](const SavedCheckpoint& c) { return std::pair(c.number, c.step); });
  return all;
}

std::vector<SavedCheckpoint> by_metric(std::vector<SavedCheckpoint> checkpoints, MetricMode mode) {
  std::erase_if(checkpoints, [](const SavedCheckpoint& c) { return !c.metric; });
  std::ranges::reverse(checkpoints);
  std::ranges::stable_sort(checkpoints, {},
                           [&](const SavedCheckpoint& c) { return mode == MetricMode::Min ? *c.metric : -*c.metric; });
  return checkpoints;
}

void delete_others(const CheckpointManagerOptions& options, const SavedCheckpoint& fresh) noexcept {
  try {
    const std::vector<SavedCheckpoint> all = list_folder(options);
    std::vector<std::filesystem::path> kept{fresh.path};
    const auto keep = [&](const std::vector<SavedCheckpoint>& first, int64_t count) {
      for (size_t i = 0; i < first.size() && static_cast<int64_t>(i) < count; ++i) kept.push_back(first[i].path);
    };
    keep({all.rbegin(), all.rend()}, options.keep_last);
    keep(by_metric(all, options.mode), options.keep_best);
    remove_leftovers(options);
    for (const SavedCheckpoint& checkpoint : all) {
      if (std::ranges::find(kept, checkpoint.path) != kept.end()) continue;
      std::error_code error;
      std::filesystem::remove(checkpoint.path, error);
      if (error) rt::warn("{}: '{}' cannot be deleted: {}", kOp, checkpoint.path.string(), error.message());
    }
  } catch (const std::exception& error) {
    rt::warn("{}: old checkpoints stay: {}", kOp, error.what());
  }
}

}  // namespace gossamer::train
