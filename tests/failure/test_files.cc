// Files and memory: every allocation of a save and of a load fails in turn, and no file makes its reader take more
// memory than it is large.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/io/safetensors.h"
#include "tests/failure/failing_new.h"
#include "tests/failure/world.h"
#include "tests/support/files.h"
#include "tests/support/golden.h"
#include "tests/support/safetensors.h"
#include "tests/support/tensors.h"

namespace gossamer::test::test_files {
namespace {

namespace fs = std::filesystem;

// Names and contents of all files of a folder.
std::string digest_of(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    files[entry.path().filename().string()] = std::string(std::istreambuf_iterator<char>(file), {});
  }
  std::string digest;
  for (const auto& [name, bytes] : files) digest += name + '\0' + bytes + '\0';
  return digest;
}

const StateDict kOld = {{"weight", uniform({20, 3}, 1, DType::f32)}};
const StateDict kNew = {{"weight", uniform({300, 300}, 2, DType::f32)}, {"step", Tensor::full({}, 7, DType::i64)}};

TEST(FailedAllocation, OfASaveLeavesTheOldFileAlone) {
  fail_every_allocation([] {
    const auto folder = std::make_shared<TempFolder>();
    const fs::path path = folder->path() / "model.safetensors";
    io::save_safetensors(path, kOld);
    folder->write(".model.safetensors.1.0.tmp", {1, 2, 3});
    // What was left by others goes before anything else, whatever becomes of the save.
    return Scene{[=] {
                   io::save_safetensors(path, kNew, {.metadata = {{"key", "value"}}});
                 },
                 [=] {
                   fs::remove(folder->path() / ".model.safetensors.1.0.tmp");
                   return digest_of(folder->path());
                 }};
  });
}

TEST(FailedAllocation, OfALoadLeavesNothingBehind) {
  const TempFolder folder;
  io::save_safetensors(folder.path() / "a", kOld,
                       {.metadata = {{"a longer key than fits", "a value longer than fits"}}});
  io::save_safetensors(folder.path() / "b", {{"mask", random_mask({40, 40}, 3, 0.5)}});
  folder.write("model.index.json", text_bytes(R"({"weight_map": {"weight": "a", "mask": "b"}})"));
  fail_every_allocation([&] {
    const auto loaded = std::make_shared<StateDict>();
    return Scene{[=, &folder] { *loaded = io::load_safetensors(folder.path() / "model.index.json"); },
                 [=] {
                   std::string digest;
                   for (const auto& [name, tensor] : *loaded) digest += name + tensor.to_string();
                   return digest;
                 }};
  });
}

// What reading takes at most, whatever becomes of it.
int64_t peak_of_reading(const Bytes& file) {
  const PeakMemory peak;
  try {
    io::Safetensors::from_bytes(std::as_bytes(std::span(file))).entries();
  } catch (const FormatError&) {
  }
  return peak.bytes();
}

constexpr int64_t kSlack = int64_t{16} << 20;

TEST(MemoryOfReading, IsBoundedByTheSizeOfTheFileInEveryCaseOfTheCorpus) {
  const golden::Json corpus = golden::load("safetensors_corpus.json");
  for (const golden::Json& c : corpus.at("cases")) {
    const Bytes file = corpus_bytes(c);
    EXPECT_LE(peak_of_reading(file), std::ssize(file) + kSlack) << c.at("id");
  }
}

std::string repeated(const std::string& item, int64_t bytes) {
  std::string text;
  for (int64_t i = 0; std::ssize(text) < bytes; ++i) text += (i == 0 ? "" : ",") + fmt::format(fmt::runtime(item), i);
  return text;
}

TEST(MemoryOfReading, IsBoundedWhateverAHeaderListsInItsSize) {
  constexpr int64_t kBytes = int64_t{8} << 20;
  const std::vector<std::pair<std::string, std::string>> headers = {
      {"tensors", "{" + repeated(R"("{}":{{"dtype":"U8","shape":[],"data_offsets":[0,0]}})", kBytes) + "}"},
      {"empty tensors", "{" + repeated(R"("{}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", kBytes) + "}"},
      {"metadata", R"({"__metadata__":{)" + repeated(R"("{}":"")", kBytes) + "}}"},
      {"one name", "{\"" + std::string(kBytes, 'x') + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})"},
      {"one text", R"({"__metadata__":{"a":")" + std::string(kBytes, 'x') + "\"}}"},
      {"one shape", R"({"a":{"dtype":"U8","shape":[)" + repeated("{}", kBytes) + "]}}"},
      {"brackets", R"({"a":)" + std::string(kBytes, '[')},
  };
  for (const auto& [what, header] : headers) {
    const Bytes file = safetensors_bytes(header);
    EXPECT_LE(peak_of_reading(file), std::ssize(file) + kSlack) << what;
  }
}

}  // namespace
}  // namespace gossamer::test::test_files
