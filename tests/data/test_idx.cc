// IDX files, plain and compressed: what is accepted, and what each fault says.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "gossamer/data/idx.h"
#include "gossamer/error.h"
#include "tests/data/support.h"
#include "tests/support/corpus.h"
#include "tests/support/golden.h"

namespace gossamer::data::test_idx {
namespace {

template <class T>
std::vector<T> values(const IdxArray& array) {
  std::vector<T> out(array.bytes.size() / sizeof(T));
  std::memcpy(out.data(), array.bytes.data(), out.size() * sizeof(T));
  return out;
}

// Checks that reading `file` is an E that names it and says `fault`.
template <class E = FormatError>
void expect_fault(const std::filesystem::path& file, const std::string& fault) {
  const std::string message = message_of<E>([&] { read_idx(file); });
  EXPECT_TRUE(contains(message, quoted(file))) << message;
  EXPECT_TRUE(contains(message, fault)) << message;
}

TEST(Idx, AgreesWithEveryVerdictOfTheCorpusInMemoryPlainAndCompressed) {
  const golden::Json corpus = golden::load("idx_corpus.json");
  const TempFolder folder;
  ASSERT_EQ(corpus.at("cases").size(), 24U);
  for (const auto& test_case : corpus.at("cases")) {
    SCOPED_TRACE(test_case.at("id").get<std::string>() + ": " + test_case.at("note").get<std::string>());
    const std::string expect = test_case.at("expect");
    const Bytes bytes = corpus_bytes(test_case);
    const auto plain = folder.write("case", bytes);
    const auto compressed = folder.write("case.gz", gzip_bytes(bytes));
    if (expect.starts_with("accept")) {
      const auto shape = test_case.at("shape").get<std::vector<int64_t>>();
      for (const IdxArray& array : {parse_idx(bytes), read_idx(plain), read_idx(compressed)}) {
        EXPECT_EQ(array.shape, shape);
        EXPECT_EQ(array.bytes.size(), bytes.size() - 4 - 4 * shape.size());
      }
    } else if (expect.starts_with("reject")) {
      EXPECT_THROW(parse_idx(bytes), FormatError);
      EXPECT_THROW(read_idx(plain), FormatError);
      EXPECT_THROW(read_idx(compressed), FormatError);
    } else {
      EXPECT_EQ(expect, "either");
    }
  }
}

TEST(Idx, ConvertsEveryElementTypeToTheByteOrderOfTheMachine) {
  EXPECT_EQ(values<uint8_t>(parse_idx(from_hex("00000801000000020080"))), (std::vector<uint8_t>{0, 128}));
  EXPECT_EQ(values<int8_t>(parse_idx(from_hex("0000090100000002ff01"))), (std::vector<int8_t>{-1, 1}));
  EXPECT_EQ(values<int16_t>(parse_idx(from_hex("00000b0100000002fffe012c"))), (std::vector<int16_t>{-2, 300}));
  EXPECT_EQ(values<int32_t>(parse_idx(from_hex("00000c0100000002fffffffe00011170"))),
            (std::vector<int32_t>{-2, 70000}));
  EXPECT_EQ(values<float>(parse_idx(from_hex("00000d01000000023fc00000c0100000"))), (std::vector<float>{1.5F, -2.25F}));
  EXPECT_EQ(values<double>(parse_idx(from_hex("00000e01000000023ff8000000000000c002000000000000"))),
            (std::vector<double>{1.5, -2.25}));
}

TEST(Idx, ReadsAScalarAsOneElementWithoutDimensions) {
  const IdxArray scalar = parse_idx(from_hex("0000080005"));
  EXPECT_TRUE(scalar.shape.empty());
  EXPECT_EQ(scalar.bytes, Bytes{5});
}

TEST(Idx, RejectsDimensionsWhoseProductOverflowsEvenBesideAZero) {
  const std::string message = message_of<FormatError>([] {
    parse_idx(idx_bytes(0x08, {0, 0xffffffff, 0xffffffff}, {}), "pixels");
  });
  EXPECT_TRUE(contains(message, "'pixels' declares [0, 4294967295, 4294967295]")) << message;
}

TEST(Idx, BelievesNoHeaderAboutMemory) {
  const TempFolder folder;
  const Bytes huge = idx_bytes(0x08, {1U << 31, 1U << 31}, {1, 2, 3, 4});
  expect_fault(folder.write("huge", huge), "declares 4611686018427387904");
  const IdxOptions trusting{.max_bytes = std::numeric_limits<int64_t>::max()};
  const auto file = folder.write("huge.gz", gzip_bytes(huge));
  EXPECT_TRUE(contains(message_of<FormatError>([&] { read_idx(file, trusting); }), "has 4"));
}

TEST(Idx, RefusesMoreThanItsLimitBeforeItTakesMemory) {
  const Bytes two = idx_bytes(0x0c, {2}, {0, 0, 0, 1, 0, 0, 0, 2});
  EXPECT_EQ(values<int32_t>(parse_idx(two, "two", {.max_bytes = 8})), (std::vector<int32_t>{1, 2}));
  const std::string message = message_of<FormatError>([&] { parse_idx(two, "two", {.max_bytes = 7}); });
  EXPECT_TRUE(contains(message, "at most 7 bytes; 'two' declares 8")) << message;
  // By default 1 GiB: a small file that unpacks to 2 GiB of zeros is refused at its header.
  const TempFolder folder;
  expect_fault(folder.write("labels.gz", gzip_bytes(idx_bytes(0x08, {1U << 31}, Bytes(1 << 20)))),
               "at most 1073741824 bytes");
}

TEST(Idx, NamesAFileThatIsMissingAFolderOrALinkToItself) {
  const TempFolder folder;
  expect_fault<FileError>(folder.path() / "absent", "must exist");
  expect_fault<FileError>(folder.path(), "must name a regular file");
  const std::filesystem::path loop = folder.path() / "loop";
  std::filesystem::create_symlink(loop, loop);
  expect_fault<FileError>(loop, "symbolic links");
}

TEST(Idx, RejectsATruncatedFileAndNamesIt) {
  const TempFolder folder;
  expect_fault(folder.write("magic", {0, 0, 8}), "ends inside it");
  expect_fault(folder.write("dimensions", {0, 0, 8, 2, 0, 0, 0, 1, 0}), "ends inside it");
  expect_fault(folder.write("elements", idx_bytes(0x08, {2, 2}, {1, 2, 3})), "has 3");
}

TEST(Idx, RejectsBytesAfterTheLastElement) {
  const TempFolder folder;
  const Bytes surplus = idx_bytes(0x08, {2}, {1, 2, 3});
  expect_fault(folder.write("surplus", surplus), "goes on");
  expect_fault(folder.write("surplus.gz", gzip_bytes(surplus)), "goes on");
}

TEST(Idx, SaysWhichMagicAndTypeItFound) {
  const TempFolder folder;
  expect_fault(folder.write("text", {'P', 'K', 3, 4}), "starts with 50 4b");
  expect_fault(folder.write("type", {0, 0, 0x0a, 0}), "says 0a");
}

TEST(Idx, RecognizesGzipByItsContentNotByTheName) {
  const TempFolder folder;
  const Bytes idx = idx_bytes(0x08, {3}, {7, 8, 9});
  EXPECT_EQ(read_idx(folder.write("compressed", gzip_bytes(idx))).bytes, (Bytes{7, 8, 9}));
  EXPECT_EQ(read_idx(folder.write("plain.gz", idx)).bytes, (Bytes{7, 8, 9}));
}

TEST(Idx, ReadsArraysLargerThanAllItsBuffers) {
  // 3 bytes over 70 MiB: more than is reserved at once, and no whole number of chunks.
  constexpr uint32_t kSize = (70U << 20) + 3;
  Bytes elements(kSize);
  for (size_t i = 0; i < elements.size(); ++i) elements[i] = static_cast<uint8_t>(i % 251);
  const TempFolder folder;
  EXPECT_TRUE(read_idx(folder.write("large.gz", gzip_bytes(idx_bytes(0x08, {kSize}, elements)))).bytes == elements);
}

TEST(Idx, StopsDecompressingAtTheFirstSurplusByte) {
  // The stream is broken behind 64 MiB of zeros; whoever unpacked them all would report that instead.
  Bytes bomb = idx_bytes(0x08, {2}, {1, 2});
  bomb.resize(64U << 20);
  Bytes file = gzip_bytes(bomb);
  file.resize(file.size() - 8);
  const TempFolder folder;
  expect_fault(folder.write("bomb.gz", file), "goes on");
}

}  // namespace
}  // namespace gossamer::data::test_idx
