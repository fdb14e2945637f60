// Reading safetensors files: the verdicts of the corpus, conversions, views, and what each fault says.
#include "gossamer/io/safetensors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/error.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/golden.h"
#include "tests/support/safetensors.h"
#include "tests/support/tensors.h"

namespace gossamer::io::test_safetensors {
namespace {

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

Safetensors from_memory(const Bytes& file) {
  return Safetensors::from_bytes(std::as_bytes(std::span(file)), "the case");
}

// What is read of the cases that the format leaves to readers.
bool is_accepted(const golden::Json& c) {
  const std::string expect = c.at("expect").get<std::string>();
  const std::string note = c.at("note").get<std::string>();
  if (expect == "accept" || expect == "accept-or-unsupported-dtype") return true;
  // White space around the header, and nothing else. A tensor has at most 8 dimensions.
  return expect == "either" && (contains(note, "leading") || contains(note, "trailing"));
}

TEST(Safetensors, AgreesWithEveryVerdictOfTheCorpusInAFileAndInMemory) {
  const TempFolder folder;
  const golden::Json corpus = golden::load("safetensors_corpus.json");
  int accepted = 0;
  for (const golden::Json& c : corpus.at("cases")) {
    SCOPED_TRACE(c.at("id").get<std::string>() + ": " + c.at("note").get<std::string>());
    const Bytes bytes = corpus_bytes(c);
    const auto file = folder.write("case.safetensors", bytes);
    if (!is_accepted(c)) {
      const std::string message = message_of<FormatError>([&] { load_safetensors(file); });
      EXPECT_TRUE(message.starts_with("load_safetensors: ") && contains(message, quoted(file))) << message;
      EXPECT_TRUE(contains(message_of<FormatError>([&] { from_memory(bytes); }), "'the case'"));
      continue;
    }
    ++accepted;
    // nlohmann-json's reading of the header is the reference.
    uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof(length));
    golden::Json header = golden::Json::parse(bytes.begin() + 8, bytes.begin() + 8 + static_cast<int64_t>(length));
    const golden::Json metadata = header.value("__metadata__", golden::Json::object());
    header.erase("__metadata__");
    for (const Safetensors& read : {Safetensors::open(file), from_memory(bytes)}) {
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

TEST(Safetensors, AFaultIsNamedWithItsPlace) {
  struct Row {
    std::string header;
    std::string fault;
  };
  using namespace std::string_literals;
  const std::string long_name(300, 'n');
  const std::vector<Row> rows = {
      {"{}\0}"s, "byte 2: something follows the end"},
      {"\xEF\xBB\xBF{}", "byte 0: '{' is missing"},
      {"{}\v", "byte 2: something follows the end"},
      {R"({"a")", "byte 4: ':' is missing"},
      {"{\"\xC0\x80\":1}", "byte 2: a string must be UTF-8"},
      {R"({"a":{"dtype":"F31"}})", R"(there is no dtype "F31")"},
      {R"({"a":{"dtype":"F32","dtype":"F32"}})", R"("a" has dtype, shape and data_offsets, each once; not "dtype")"},
      {R"({"a":{"dtype":"F32","size":4}})", R"("a" has dtype, shape and data_offsets, each once; not "size")"},
      {R"({"a":{"dtype":"F32","shape":[]}})", R"("a" must have dtype, shape and data_offsets)"},
      {R"({"a":{"shape":[1,1,1,1,1,1,1,1,1]}})", "a shape has at most 8 dimensions"},
      {R"({"a":{"shape":[4294967296,4294967296]}})", "a shape is too large"},
      {R"({"a":{"shape":[9223372036854775808]}})", "numbers must be below 2^63"},
      {R"({"a":{"data_offsets":[1,0]}})", "the end not below the begin"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", R"("a" is F32 [2] in 4 bytes)"},
      {R"({"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}})", R"("a" is F4 [3] in 1 bytes)"},
      {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "they end at byte 2 of 0; the file is truncated"},
      {R"({"a\u0001":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})", R"("a\u0001" begins at byte 1, not 0)"},
      {R"({"b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
       R"("b" comes twice)"},
      {R"({"__metadata__":{"k":"1","k":"2"}})", R"("k" comes twice in the metadata)"},
      {R"({"__metadata__":{},"__metadata__":{}})", "the metadata come twice"},
      {"{\"" + long_name + R"(":{"dtype":"U8","shape":[1],"data_offsets":[0,0]}})", long_name.substr(0, 100) + "\"..."},
  };
  for (const Row& row : rows) {
    const Bytes file = safetensors_bytes(row.header);
    const std::string message = message_of<FormatError>([&] { from_memory(file); });
    EXPECT_TRUE(message.starts_with("Safetensors::from_bytes: ") && contains(message, row.fault))
        << message << "\n  should say " << row.fault;
  }
  const Bytes short_file = {1, 0, 0, 0};
  EXPECT_TRUE(contains(message_of<FormatError>([&] { from_memory(short_file); }), "4 bytes"));
  const Bytes cut = {3, 0, 0, 0, 0, 0, 0, 0, '{', '}'};
  EXPECT_TRUE(contains(message_of<FormatError>([&] { from_memory(cut); }), "3 bytes in a file of 10"));
}

TEST(Safetensors, AFileOfAnotherFormatIsCalledByItsName) {
  using namespace std::string_literals;
  const std::map<std::string, std::string> remedies = {
      {"PK\x03\x04\x00\x00\x08\x08\x00\x00"s, "a zip archive"},             // torch.save()
      {"PK\x03\x04\x14\x00\x00\x00\x00\x00"s, "load_npz() reads an .npz"},  // numpy.savez()
      {"\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20"s, "a pickle"},               // torch.save() before 1.6
      {"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00"s, "a pickle"},            // pickle.dump()
      {"\x93NUMPY\x01\x00v\x00"s, "load_npy() reads it"},                   // numpy.save()
      {"\x89HDF\r\n\x1a\n\x00\x00"s, "an HDF5 file"},
      {"\x80\x02\x00\x00\x00\x00\x00\x00{}"s, "it is truncated"},  // a header of 640 bytes
      {"PK\x05\x06\x14\x00\x00\x00\x00\x00"s, "no safetensors file"},
  };
  for (const auto& [begin, remedy] : remedies) {
    const Bytes file(begin.begin(), begin.end());
    const std::string message = message_of<FormatError>([&] { from_memory(file); });
    EXPECT_TRUE(contains(message, remedy)) << message << "\n  should say " << remedy;
  }
}

// One tensor "x" of the given dtype, at an odd address of the file.
Bytes one_tensor(const std::string& dtype, size_t elements, const Bytes& data) {
  std::string header = R"({"x":{"dtype":")" + dtype + R"(","shape":[)" + std::to_string(elements) +
                       R"(],"data_offsets":[0,)" + std::to_string(data.size()) + "]}}";
  if (header.size() % 2 == 0) header += ' ';
  return safetensors_bytes(header, data);
}

TEST(Safetensors, EveryHalfAndBFloatBecomesTheFloatOfItsValue) {
  Bytes data;
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    data.push_back(static_cast<uint8_t>(bits));
    data.push_back(static_cast<uint8_t>(bits >> 8));
  }
  const Tensor halves = from_memory(one_tensor("F16", 0x10000, data)).tensor("x");
  const Tensor bfloats = from_memory(one_tensor("BF16", 0x10000, data)).tensor("x");
  int wrong = 0;
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const int exponent = static_cast<int>(bits >> 10 & 31);
    const auto fraction = static_cast<float>(bits & 1023);
    const float magnitude = exponent == 31  ? (fraction == 0 ? INFINITY : NAN)
                            : exponent == 0 ? std::ldexp(fraction, -24)
                                            : std::ldexp(1024 + fraction, exponent - 25);
    const float half = halves.data<float>()[bits];
    const bool same = std::isnan(magnitude) ? std::isnan(half) : std::abs(half) == magnitude;
    wrong += !same || std::signbit(half) != (bits >> 15 == 1);
    wrong += std::bit_cast<uint32_t>(bfloats.data<float>()[bits]) != bits << 16;
  }
  EXPECT_EQ(wrong, 0);
}

TEST(Safetensors, IntegersAreWidenedAndAnyByteButZeroIsTrue) {
  const auto read = [](const char* dtype, size_t n, const Bytes& data) {
    return from_memory(one_tensor(dtype, n, data)).tensor("x");
  };
  EXPECT_EQ(to_vector<int32_t>(read("U8", 2, {0, 255})), (std::vector<int32_t>{0, 255}));
  EXPECT_EQ(to_vector<int32_t>(read("I8", 2, {127, 128})), (std::vector<int32_t>{127, -128}));
  EXPECT_EQ(to_vector<int32_t>(read("U16", 2, {255, 127, 255, 255})), (std::vector<int32_t>{32767, 65535}));
  EXPECT_EQ(to_vector<int32_t>(read("I16", 2, {255, 127, 0, 128})), (std::vector<int32_t>{32767, -32768}));
  EXPECT_EQ(to_vector<int64_t>(read("U32", 1, {255, 255, 255, 255})), (std::vector<int64_t>{4294967295}));
  EXPECT_EQ(to_vector<int32_t>(read("I32", 1, {254, 255, 255, 255})), (std::vector<int32_t>{-2}));
  EXPECT_EQ(to_vector<int64_t>(read("I64", 1, {0, 0, 0, 0, 0, 0, 0, 128})), (std::vector<int64_t>{INT64_MIN}));
  EXPECT_EQ(to_vector<float>(read("F32", 1, {0, 0, 192, 63})), (std::vector<float>{1.5F}));
  EXPECT_EQ(to_vector<double>(read("F64", 1, {0, 0, 0, 0, 0, 0, 248, 63})), (std::vector<double>{1.5}));
  const Tensor mask = read("BOOL", 4, {0, 1, 2, 255});
  EXPECT_EQ(mask.dtype(), DType::boolean);
  EXPECT_EQ(std::memcmp(mask.data<bool>(), "\0\1\1\1", 4), 0);
}

TEST(Safetensors, WhatNoTensorHoldsIsReadAsBytes) {
  const TempFolder folder;
  const Bytes bytes = one_tensor("F8_E4M3", 3, {7, 8, 9});
  const auto file = folder.write("f8.safetensors", bytes);
  std::optional<Safetensors> first = Safetensors::open(file);
  const Safetensors read = *first;
  const std::span<const std::byte> view = first->bytes("x");
  first.reset();
  std::filesystem::remove(file);
  EXPECT_EQ(view.data(), read.bytes("x").data());
  EXPECT_EQ(view[2], std::byte{9});
  const std::string message = message_of<DTypeError>([&] { read.state_dict(); });
  EXPECT_TRUE(contains(message, quoted(file) + R"(: "x" is F8_E4M3; read them by Safetensors::bytes())")) << message;
  EXPECT_FALSE(read.contains("y"));
  EXPECT_TRUE(contains(message_of<IndexError>([&] { read.tensor("y"); }), R"("y" in )" + quoted(file)));
  EXPECT_THROW(read.bytes("w"), IndexError);
}

TEST(Safetensors, AFileThatIsMissingOrAFolderIsAFileError) {
  const TempFolder folder;
  const std::string message = message_of<FileError>([&] { load_safetensors(folder.path() / "absent"); });
  EXPECT_TRUE(contains(message, "load_safetensors: the file must exist; " + quoted(folder.path() / "absent")))
      << message;
  EXPECT_TRUE(contains(message_of<FileError>([&] { Safetensors::open(folder.path()); }), "regular file"));
}

// Two files of an index: a.safetensors with x and y, b.safetensors with z.
void write_shards(const TempFolder& folder) {
  save_safetensors(folder.path() / "a.safetensors",
                   {{"x", Tensor::from<float>({1, 2}, {2})}, {"y", Tensor::from<int64_t>({3}, {})}});
  save_safetensors(folder.path() / "b.safetensors", {{"z", Tensor::from<float>({4}, {1})}});
}

TEST(SafetensorsIndex, GivesTheTensorsOfAllItsFiles) {
  const TempFolder folder;
  write_shards(folder);
  const auto index = folder.write("model.safetensors.index.json", text_bytes(R"(
    {"metadata": {"total_size": 20.0, "more": [null, true, {"deep": [-1.5e3, "\u00e9"]}, {}, []]},
     "weight_map": {"z": "b.safetensors", "y": "a.safetensors", "x": "a.safetensors"}}
  )"));
  const StateDict dict = load_safetensors(index);
  ASSERT_EQ(dict.size(), 3U);
  EXPECT_EQ(to_vector<float>(dict.at("x")), (std::vector<float>{1, 2}));
  EXPECT_EQ(dict.at("y").item<int64_t>(), 3);
  EXPECT_EQ(to_vector<float>(dict.at("z")), (std::vector<float>{4}));
}

TEST(SafetensorsIndex, ThatDoesNotFitItsFilesIsRefused) {
  const TempFolder folder;
  write_shards(folder);
  struct Row {
    std::string index;
    std::string fault;
  };
  const std::vector<Row> rows = {
      {"{}", "weight_map is missing"},
      {"[]", "'{' is missing"},
      {R"({"weight_map":{"x":1}})", "a string is missing"},
      {R"({"weight_map":{},"weight_map":{}})", "weight_map comes twice"},
      {R"({"weight_map":{"x":"../a.safetensors"}})", R"("../a.safetensors" is no file beside the index)"},
      {R"({"weight_map":{"x":"/a.safetensors"}})", "no file beside"},
      {R"({"weight_map":{"x":"b\\a.safetensors"}})", "no file beside"},
      {R"({"weight_map":{"x":".."}})", "no file beside"},
      {R"({"weight_map":{"x":""}})", "no file beside"},
      {R"({"weight_map":{"x":"a\u0000b"}})", "no file beside"},
      {R"({"weight_map":{"x":"a.safetensors"}})", R"('A': "y" is not listed)"},
      {R"({"weight_map":{"x":"a.safetensors","y":"a.safetensors","z":"a.safetensors"}})", R"('A': "z" is missing)"},
      {R"({"weight_map":{"a":"a.safetensors","x":"a.safetensors","y":"a.safetensors"}})", R"('A': "a" is missing)"},
      {R"({"weight_map":{"x":"a.safetensors","y":"a.safetensors","x":"b.safetensors"}})", R"("x" comes twice)"},
      {R"({"m":)" + std::string(65, '[') + std::string(65, ']') + R"(,"weight_map":{}})", "nested too deep"},
  };
  for (const Row& row : rows) {
    const auto index = folder.write("m.index.json", text_bytes(row.index));
    std::string fault = row.fault;
    if (fault.starts_with("'A'")) fault.replace(0, 3, quoted(folder.path() / "a.safetensors"));
    const std::string message = message_of<FormatError>([&] { load_safetensors(index); });
    EXPECT_TRUE(message.starts_with("load_safetensors: ") && contains(message, fault)) << message;
  }
  const auto index = folder.write("m.index.json", text_bytes(R"({"weight_map":{"x":"absent"}})"));
  EXPECT_TRUE(contains(message_of<FileError>([&] { load_safetensors(index); }), quoted(folder.path() / "absent")));
}

}  // namespace
}  // namespace gossamer::io::test_safetensors
