// Vocabularies of characters and bytes, windows of text, and what is refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/data/text.h"
#include "gossamer/error.h"
#include "tests/data/support.h"

namespace gossamer::data::test_text {
namespace {

using Tokens = std::vector<int32_t>;

// One, two, three and four bytes.
constexpr std::string_view kMixed = "aß€a\U0001F600z\n";

TEST(Vocabulary, NumbersCharactersInTheOrderOfTheirCodePoints) {
  const Vocabulary vocabulary = Vocabulary::characters(kMixed);
  EXPECT_EQ(vocabulary.size(), 6);
  EXPECT_EQ(vocabulary.characters(), "\nazß€\U0001F600");
  EXPECT_EQ(vocabulary.encode(kMixed), (Tokens{1, 3, 4, 1, 5, 2, 0}));
  EXPECT_EQ(vocabulary.decode(Tokens{1, 3, 4, 1, 5, 2, 0}), kMixed);
  EXPECT_EQ(vocabulary.decode(std::vector<int64_t>{5, 0}), "\U0001F600\n");
  EXPECT_EQ(Vocabulary::characters(vocabulary.characters()).encode(kMixed), vocabulary.encode(kMixed));
  EXPECT_TRUE(vocabulary.encode("").empty());
}

TEST(Vocabulary, OfBytesTakesAnyText) {
  const Vocabulary vocabulary = Vocabulary::bytes();
  EXPECT_EQ(vocabulary.size(), 256);
  const std::string text("a\xff\0\x80", 4);
  EXPECT_EQ(vocabulary.encode(text), (Tokens{97, 255, 0, 128}));
  EXPECT_EQ(vocabulary.decode(vocabulary.encode(text)), text);
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  EXPECT_EQ(vocabulary.characters(), all);
}

TEST(Vocabulary, RefusesWhatIsNotUtf8AndNamesThePlace) {
  // Examples after Unicode's table 3-7 of well-formed sequences: just outside of each of its ranges.
  for (const std::string_view bad :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x7f", "\xc2\xc0", "\xe0\x9f\xbf", "\xe1\x80",
        "\xe1\x80\x7f", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf1\x80\x80",
        "\xf8\x88\x80\x80\x80", "\xff"}) {
    const std::string text = "ab" + std::string(bad);
    const std::string message = message_of<FormatError>([&] { Vocabulary::characters(text); });
    EXPECT_TRUE(contains(message, "byte 2 begins no character")) << message;
    EXPECT_THROW(Vocabulary::characters("ab").encode(text), FormatError);
  }
  // And just inside.
  const std::string_view good =
      "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf";
  EXPECT_EQ(Vocabulary::characters(good).characters(), good);
  EXPECT_EQ(Vocabulary::characters(good).size(), 9);
}

TEST(Vocabulary, RefusesCharactersAndTokensThatItDoesNotHave) {
  const Vocabulary vocabulary = Vocabulary::characters("abc€");
  EXPECT_TRUE(contains(message_of<FormatError>([&] { vocabulary.encode("ab£"); }), "U+00A3 at byte 2"));
  EXPECT_TRUE(contains(message_of<FormatError>([&] { vocabulary.encode("d"); }), "U+0064 at byte 0"));
  EXPECT_THROW(vocabulary.encode("\U0010FFFF"), FormatError);
  EXPECT_THROW(vocabulary.decode(Tokens{0, 4}), IndexError);
  EXPECT_THROW(vocabulary.decode(Tokens{-1}), IndexError);
  EXPECT_THROW(Vocabulary::bytes().decode(Tokens{256}), IndexError);
  EXPECT_THROW(Vocabulary::characters(""), FormatError);
}

Tokens counting(int32_t n) {
  Tokens tokens(static_cast<size_t>(n));
  std::iota(tokens.begin(), tokens.end(), 100);
  return tokens;
}

TEST(TextDataset, GivesWindowsAndTheNextTokenOfEach) {
  const TextDataset dataset(counting(9), {.context = 3, .stride = 2});
  EXPECT_EQ(dataset.size(), 3);  // at 0, 2 and 4; a window at 6 has no next token at its end
  const Batch batch = dataset.gather(std::vector<int64_t>{2, 0});
  EXPECT_EQ(batch.x.shape(), Shape({2, 3}));
  EXPECT_TRUE(std::ranges::equal(batch.x.span<int64_t>(), std::vector<int64_t>{104, 105, 106, 100, 101, 102}));
  EXPECT_TRUE(std::ranges::equal(batch.y.span<int64_t>(), std::vector<int64_t>{105, 106, 107, 101, 102, 103}));
  EXPECT_THROW(dataset.gather(std::vector<int64_t>{3}), IndexError);
}

TEST(TextDataset, HasASampleForEachWindowThatFits) {
  for (int32_t tokens = 0; tokens < 12; ++tokens) {
    for (int64_t context = 1; context < 5; ++context) {
      for (int64_t stride = 1; stride < 5; ++stride) {
        int64_t fits = 0;
        for (int64_t start = 0; start + context + 1 <= tokens; start += stride) ++fits;
        EXPECT_EQ(TextDataset(counting(tokens), {.context = context, .stride = stride}).size(), fits);
      }
    }
  }
  EXPECT_THROW(TextDataset({}, {.context = 0}), ConfigError);
  EXPECT_THROW(TextDataset({}, {.stride = 0}), ConfigError);
}

TEST(TextSplit, CutsTheStreamInTwo) {
  const Tokens tokens = counting(20);
  const TextSplit split = split_text(tokens, 0.25, {.context = 4});
  EXPECT_EQ(split.train->size(), 11);
  EXPECT_EQ(split.validation->size(), 1);
  EXPECT_EQ(split.train->gather(std::vector<int64_t>{10}).y.data<int64_t>()[3], 114);
  EXPECT_EQ(split.validation->gather(std::vector<int64_t>{0}).x.data<int64_t>()[0], 115);
  EXPECT_EQ(split_text(tokens, 0, {.context = 4}).validation->size(), 0);
  EXPECT_EQ(split_text(tokens, 1, {.context = 4}).train->size(), 0);
  EXPECT_THROW(split_text(tokens, 1.5), ConfigError);
  EXPECT_THROW(split_text(tokens, -0.1), ConfigError);
}

TEST(ReadText, ReadsPlainAndCompressedFilesUpToALimit) {
  const TempFolder folder;
  const std::string text = std::string(3'000'000, 'x') + "end";
  const Bytes bytes(text.begin(), text.end());
  const auto plain = folder.write("plain", bytes);
  EXPECT_TRUE(read_text(plain) == text);
  EXPECT_TRUE(read_text(folder.write("packed", gzip_bytes(bytes))) == text);
  EXPECT_TRUE(read_text(plain, {.max_bytes = 3'000'003}) == text);
  EXPECT_EQ(read_text(folder.write("empty", {})), "");
  EXPECT_TRUE(contains(message_of<FormatError>([&] { read_text(plain, {.max_bytes = 3'000'002}); }),
                       "at most 3000002 bytes; " + quoted(plain) + " has more"));
  EXPECT_THROW(read_text(folder.path() / "absent"), FileError);
}

}  // namespace
}  // namespace gossamer::data::test_text
