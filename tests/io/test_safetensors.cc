// Reading safetensors files: the verdicts of the corpus, conversions, views, and what each fault says.
#include "gossamer/io/safetensors.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/error.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/golden.h"
#include "tests/support/safetensors.h"

namespace gossamer::io::test_safetensors {
namespace {

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// The bytes of a case of the corpus.
Bytes bytes_of(const golden::Json& c) {
  if (c.contains("hex")) return from_hex(c.at("hex").get<std::string>());
  const Bytes packed = from_base64(c.at("zlib_b64").get<std::string>());
  Bytes bytes(c.at("length").get<size_t>());
  uLongf size = bytes.size();
  if (uncompress(bytes.data(), &size, packed.data(), packed.size()) != Z_OK || size != bytes.size()) {
    throw std::runtime_error("a case of the corpus cannot be unpacked");
  }
  return bytes;
}

// What is read of the cases that the format leaves to readers.
bool is_accepted(const golden::Json& c) {
  const std::string expect = c.at("expect").get<std::string>();
  if (expect == "accept" || expect == "accept-or-unsupported-dtype") return true;
  if (expect == "reject" || expect == "reject-recommended") return false;
  // A tensor has at most 8 dimensions. Of the rest: white space around the header, and nothing else.
  return expect == "either" && (contains(c.at("note").get<std::string>(), "leading") ||
                                contains(c.at("note").get<std::string>(), "trailing"));
}

TEST(Safetensors, AgreesWithEveryVerdictOfTheCorpusInAFileAndInMemory) {
  const TempFolder folder;
  const golden::Json corpus = golden::load("safetensors_corpus.json");
  int accepted = 0;
  for (const golden::Json& c : corpus.at("cases")) {
    SCOPED_TRACE(c.at("id").get<std::string>() + ": " + c.at("note").get<std::string>());
    const Bytes bytes = bytes_of(c);
    const auto file = folder.write("case.safetensors", bytes);
    const auto from_memory = [&] { return Safetensors::from_bytes(std::as_bytes(std::span(bytes)), "the case"); };
    if (!is_accepted(c)) {
      const std::string message = message_of<FormatError>([&] { load_safetensors(file); });
      EXPECT_TRUE(message.starts_with("load_safetensors: ") && contains(message, quoted(file))) << message;
      EXPECT_TRUE(contains(message_of<FormatError>(from_memory), "'the case'"));
      continue;
    }
    ++accepted;
    // nlohmann-json's reading of the header is the reference.
    uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof(length));
    golden::Json header = golden::Json::parse(bytes.begin() + 8, bytes.begin() + 8 + static_cast<int64_t>(length));
    const golden::Json metadata = header.value("__metadata__", golden::Json::object());
    header.erase("__metadata__");
    for (const Safetensors& read : {Safetensors::open(file), from_memory()}) {
      EXPECT_EQ(read.metadata(), (metadata.get<std::map<std::string, std::string>>()));
      ASSERT_EQ(read.entries().size(), header.size());
      for (const auto& [name, expected] : header.items()) {
        const SafetensorsEntry& entry = read.entry(name);
        EXPECT_EQ(entry.dtype, expected.at("dtype").get<std::string>());
        EXPECT_EQ(entry.shape, golden::shape_from_json(expected.at("shape")));
        const size_t begin = 8 + length + expected.at("data_offsets")[0].get<size_t>();
        const size_t end = 8 + length + expected.at("data_offsets")[1].get<size_t>();
        EXPECT_TRUE(std::ranges::equal(read.bytes(name), std::as_bytes(std::span(bytes)).subspan(begin, end - begin)));
      }
    }
  }
  EXPECT_EQ(accepted, 43);
}

TEST(Safetensors, HeadersThatHideSomethingAreRefused) {
  const auto refusal = [](std::string header) {
    const Bytes file = safetensors_bytes(header, {});
    return message_of<FormatError>([&] { Safetensors::from_bytes(std::as_bytes(std::span(file))); });
  };
  using namespace std::string_literals;
  EXPECT_TRUE(contains(refusal("{}\0}"s), "something follows the end"));
  EXPECT_TRUE(contains(refusal("\xEF\xBB\xBF{}"), "byte 0: '{' is missing"));
  EXPECT_TRUE(contains(refusal(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})"
                               "\v"),
                       "something follows the end"));
}

}  // namespace
}  // namespace gossamer::io::test_safetensors
