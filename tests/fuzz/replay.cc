// Runs every target over the files of its folders. Arguments: folders with one folder for each target. A crash or an
// exception ends the program, after the name of the file.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/target.h"

namespace {

std::vector<uint8_t> content(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::filesystem::path> entries(const std::filesystem::path& folder) {
  if (!std::filesystem::exists(folder)) return {};
  std::vector<std::filesystem::path> found(std::filesystem::directory_iterator(folder), {});
  std::ranges::sort(found);
  return found;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::filesystem::path> folders(argv + 1, argv + argc);
  int faults = 0;
  for (const auto& folder : folders) {
    for (const auto& entry : entries(folder)) {
      if (gossamer::fuzz::targets().contains(entry.filename().string())) continue;
      std::printf("FAULT: '%s' is the folder of no target\n", entry.string().c_str());
      ++faults;
    }
  }
  for (const auto& [name, target] : gossamer::fuzz::targets()) {
    int inputs = 0;
    for (const auto& folder : folders) {
      for (const auto& file : entries(folder / name)) {
        const std::vector<uint8_t> bytes = content(file);
        std::fprintf(stderr, "%s\n", file.string().c_str());
        target(bytes);
        ++inputs;
      }
    }
    std::printf("%s: %d inputs\n", name.c_str(), inputs);
    if (inputs == 0) ++faults;
  }
  return faults == 0 ? 0 : 1;
}
