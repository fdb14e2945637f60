// .npy files: the verdicts of the corpus, every element type in both orders, and what is written.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/io/npy.h"
#include "tests/support/corpus.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/golden.h"

namespace gossamer::io::test_npy {
namespace {

Bytes npy_bytes(const std::string& descr, const std::string& shape, const Bytes& elements, bool fortran = false) {
  const std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}\n", descr, fortran ? "True" : "False", shape);
  Bytes bytes = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, static_cast<uint8_t>(header.size()), 0};
  bytes.insert(bytes.end(), header.begin(), header.end());
  bytes.insert(bytes.end(), elements.begin(), elements.end());
  return bytes;
}

Tensor parsed(const Bytes& bytes) { return parse_npy(std::as_bytes(std::span(bytes)), "the file"); }

std::string refusal(const Bytes& bytes) {
  return message_of<FormatError>([&] { parsed(bytes); });
}

void expect_in(const std::string& part, const std::string& text) {
  EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in '" << text << "'";
}

// What the corpus leaves to the reader, and this one refuses: with what it says.
const std::map<std::string, std::string> kRefused = {
    {"npy.19", "<c8"},
    {"npy.20", "records"},
    {"npy.21", "<U2"},
    {"npy.35", "8 bytes of elements must follow the header, and nothing else"},
    {"npy.53", "the size in bytes must fit 63 bits"},
    {"npy.54", "at most 8 dimensions"},
    {"npy.59", "a byte order"},
    {"npy.60", "a byte order"},
    {"npy.65", "records"},
    {"npy.66", "|V8"},
    {"npy.67", "<M8[ns]"},
    {"npy.68", "|S4"},
    {"npy.69", "<f4, <f4"},
    {"npy.83", "descr, fortran_order and shape, once each"},
};

TEST(Npy, AgreesWithEveryVerdictOfTheCorpusInMemoryAndFromAFile) {
  const TempFolder folder;
  const golden::Json corpus = golden::load("npy_corpus.json");
  for (const golden::Json& c : corpus.at("cases")) {
    const std::string id = c.at("id"), expect = c.at("expect");
    SCOPED_TRACE(id + ": " + c.at("note").get<std::string>());
    const Bytes bytes = corpus_bytes(c);
    const auto file = folder.write("case.npy", bytes);
    const auto refused = kRefused.find(id);
    if (expect == "reject" || refused != kRefused.end()) {
      ASSERT_NE(expect, "accept");
      const std::string message = message_of<FormatError>([&] { load_npy(file); });
      expect_in(quoted(file), message);
      if (refused != kRefused.end()) expect_in(refused->second, message);
      expect_in("'the file'", refusal(bytes));
      continue;
    }
    const Tensor array = load_npy(file);
    golden::expect_equal(parsed(bytes), array);
    // Where NumPy refuses a header for its length, and where there are no elements, the corpus gives none: they are 0.
    const Tensor expected = c.contains("data") ? golden::tensor_from_values(c.at("data"), array.shape(), DType::f64)
                                               : Tensor::zeros(array.shape(), DType::f64);
    golden::expect_equal(array.to(DType::f64), expected);
    if (id == "npy.85") continue;
    expect_in(fmt::format("[{}]", fmt::join(array.shape(), ", ")), c.at("numpy_1_24_2").get<std::string>());
  }
}

TEST(Npy, ConvertsEveryElementTypeInEitherByteOrder) {
  struct Row {
    const char* type;
    Bytes big_endian;
    Tensor expected;
  };
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  const std::vector<Row> rows = {
      {"b1", {0, 1, 2}, Tensor::from({false, true, true}, {3})},
      {"i1", {0x80, 0, 0x7f}, Tensor::from({-128, 0, 127}, {3})},
      {"u1", {0x80, 0, 0xff}, Tensor::from({128, 0, 255}, {3})},
      {"i2", {0x80, 0, 0, 1}, Tensor::from({-32768, 1}, {2})},
      {"u2", {0x80, 0, 0, 1}, Tensor::from({32768, 1}, {2})},
      {"i4", {0x80, 0, 0, 0, 0, 0, 0, 2}, Tensor::from({std::numeric_limits<int32_t>::min(), 2}, {2})},
      {"u4", {0xff, 0xff, 0xff, 0xff}, Tensor::from({int64_t{4294967295}}, {1})},
      {"i8", {0x80, 0, 0, 0, 0, 0, 0, 0}, Tensor::from({kMin}, {1})},
      {"u8", {0x7f, 255, 255, 255, 255, 255, 255, 255}, Tensor::from({std::numeric_limits<int64_t>::max()}, {1})},
      // The smallest, the largest, negative zero and infinity of half precision.
      {"f2",
       {0, 1, 0x7b, 0xff, 0x80, 0, 0xfc, 0},
       Tensor::from({0x1p-24F, 65504.0F, -0.0F, -std::numeric_limits<float>::infinity()}, {4})},
      {"f4", {0x3f, 0xc0, 0, 0, 0xc0, 0x10, 0, 0}, Tensor::from({1.5F, -2.25F}, {2})},
      {"f8", {0x3f, 0xf8, 0, 0, 0, 0, 0, 0}, Tensor::from<double>({1.5}, {1})},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.type);
    const std::string type = row.type, shape = fmt::format("({},)", row.expected.numel());
    golden::expect_equal(parsed(npy_bytes(">" + type, shape, row.big_endian)), row.expected);
    Bytes little = row.big_endian;
    const int size = type[1] - '0';
    for (auto at = little.begin(); at != little.end(); at += size) std::reverse(at, at + size);
    golden::expect_equal(parsed(npy_bytes("<" + type, shape, little)), row.expected);
  }
}

TEST(Npy, PutsFortranOrderIntoRows) {
  Bytes elements(24);
  for (size_t i = 0; i < elements.size(); ++i) elements[i] = static_cast<uint8_t>(i);
  const Tensor array = parsed(npy_bytes("|u1", "(2, 3, 4)", elements, true));
  ASSERT_EQ(array.shape(), Shape({2, 3, 4}));
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 3; ++j) {
      for (int k = 0; k < 4; ++k) EXPECT_EQ(array.data<int32_t>()[(i * 3 + j) * 4 + k], i + 2 * j + 6 * k);
    }
  }
  EXPECT_EQ(parsed(npy_bytes("<f4", "(0, 3)", {}, true)).shape(), Shape({0, 3}));
}

TEST(Npy, SaysWhyItRefuses) {
  const Bytes two = {0, 0, 0, 0, 0, 0, 0, 0};
  expect_in("Python objects, which only running what the file says would make", refusal(npy_bytes("|O", "(1,)", two)));
  expect_in("8 bytes of elements must follow the header, and nothing else; 'the file': 7 bytes follow",
            refusal(npy_bytes("<f4", "(2,)", Bytes(7))));
  expect_in("elements of type u8 must be below 2^63", refusal(npy_bytes(">u8", "(1,)", {0x80, 0, 0, 0, 0, 0, 0, 0})));
  expect_in("a tuple of sizes from 0 on for shape; 'the file': at byte 51 of it: \"02,)",
            refusal(npy_bytes("<f4", "(02,)", two)));
  expect_in("the size in bytes must fit 63 bits; 'the file': shape (0, 2305843009213693952)",
            refusal(npy_bytes("<f4", "(0, 2305843009213693952)", {})));
  expect_in("the header must have at most 65535 bytes", refusal([] {
              Bytes bytes(100'000, ' ');
              const Bytes start = {0x93, 'N', 'U', 'M', 'P', 'Y', 2, 0, 0x70, 0x11, 1, 0};
              std::ranges::copy(start, bytes.begin());
              return bytes;
            }()));
}

TEST(Npy, WritesWhatNumPyWritesAndReadsItAgain) {
  const TempFolder folder;
  const auto file = folder.path() / "a.npy";
  save_npy(file, Tensor::from({1.5F, -2.25F, 0.0F, 4.0F, 5.0F, 6.0F}, {2, 3}));
  const Bytes bytes = file_bytes(file);
  // By numpy.save of the same array.
  const std::string header =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }" + std::string(58, ' ') + "\n";
  Bytes expected = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 0x76, 0};
  expected.insert(expected.end(), header.begin(), header.end());
  for (const unsigned upper_half : {0x3fc0U, 0xc010U, 0U, 0x4080U, 0x40a0U, 0x40c0U}) {
    for (const unsigned byte : {0U, 0U, upper_half & 0xFFU, upper_half >> 8}) {
      expected.push_back(static_cast<uint8_t>(byte));
    }
  }
  EXPECT_EQ(bytes, expected);

  for (const Tensor& tensor : {Tensor::full({}, 3), Tensor::zeros({0, 3}, DType::f64),
                               Tensor::from({int64_t{1}, int64_t{-2}}, {2}), Tensor::from({7, 8, 9}, {1, 3, 1}),
                               Tensor::from({true, false}, {2}), Tensor::zeros({1, 1, 1, 1, 1, 1, 1, 1})}) {
    save_npy(file, tensor);
    golden::expect_equal(load_npy(file), tensor);
  }
}

TEST(Npy, NamesWhatCannotBeOpenedOrSaved) {
  const TempFolder folder;
  const auto absent = folder.path() / "absent" / "a.npy";
  expect_in(quoted(absent), message_of<FileError>([&] { load_npy(absent); }));
  expect_in(quoted(absent), message_of<FileError>([&] { save_npy(absent, Tensor::zeros({1})); }));
  EXPECT_THROW(save_npy(folder.path() / "a.npy", Tensor()), StateError);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "a.npy"));
}

}  // namespace
}  // namespace gossamer::io::test_npy
