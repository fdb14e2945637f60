#include "bench/output.h"

#include <fmt/format.h>

#include <fstream>

#include "runtime/check.h"

namespace gossamer::bench {

namespace {

void check(bool good, std::string_view option, const std::filesystem::path& file) {
  if (!good) fail<ConfigError>(option, "the file must be writable", fmt::format("'{}'", file.string()));
}

}  // namespace

void check_writable(std::string_view option, const std::filesystem::path& file) {
  std::ofstream out(file, std::ios::app);
  check(out.good(), option, file);
}

void write_file(std::string_view option, const std::filesystem::path& file, std::string_view text) {
  std::ofstream out(file);
  out << text << std::flush;
  check(out.good(), option, file);
}

}  // namespace gossamer::bench
