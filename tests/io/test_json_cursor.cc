// Strict JSON: what it takes is what nlohmann-json takes, and each value is what it reads.
#include "io/json_cursor.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gossamer/error.h"

namespace gossamer::io::test_json_cursor {
namespace {

const Origin kOrigin{"test", "text"};

bool accepts(const std::string& text) {
  try {
    JsonCursor json(text, "the text", kOrigin);
    json.skip_value();
    json.end();
    return true;
  } catch (const FormatError&) {
    return false;
  }
}

TEST(JsonCursor, TakesWhatIsJsonAndNothingElse) {
  const std::vector<std::string> texts = {
      "0",
      "-0",
      "1",
      "12",
      "01",
      "-",
      "+1",
      "1.",
      ".5",
      "1.5",
      "1.5e3",
      "1e",
      "1e+",
      "1E-2",
      "0x1",
      "1e400",
      "--1",
      "1 2",
      "true",
      "false",
      "null",
      "nul",
      "nulls",
      "True",
      "NaN",
      "Infinity",
      "",
      " ",
      "\t[\r\n]\t",
      "\f1",
      "[]",
      "[1]",
      "[1,2]",
      "[1,]",
      "[,1]",
      "[1 2]",
      "[",
      "]",
      "[1",
      "[[]]",
      "[[],[]]",
      "[{}]",
      "[]]",
      "[}",
      "{}",
      R"({"a":1})",
      R"({"a":1,})",
      R"({,"a":1})",
      R"({"a"})",
      R"({"a":})",
      R"({a:1})",
      R"({1:1})",
      R"({"a":1 "b":2})",
      R"({"a":{"b":[{"c":null}]},"d":[]})",
      R"({"a":1}})",
      R"({"a":[})",
      "{",
      "}",
      R"("")",
      R"(")",
      R"("a)",
      R"("\")",
      R"("\\")",
      R"("\"\\\/\b\f\n\r\t")",
      R"("\a")",
      R"("\u0041")",
      R"("\u004")",
      R"("\u00g1")",
      R"("\u+041")",
      R"("\ud83d\ude00")",
      R"("\ud83d")",
      R"("\ude00")",
      R"("\ud83d\u0041")",
      R"("\ud83dx")",
      "\"\xC3\xA9\"",
      "\"\xC3\"",
      "\"\xFF\"",
      "\"\xED\xA0\x80\"",
      "\"\xF4\x90\x80\x80\"",
      "\"\n\"",
      "\"\x7F\"",
      "'a'",
      "/**/1",
      "1//",
      "[1]/",
  };
  for (const std::string& text : texts) {
    // A number too large for double is still JSON to skip; nlohmann-json refuses it.
    const bool expected = text == "1e400" || nlohmann::json::accept(text);
    EXPECT_EQ(accepts(text), expected) << text;
  }
}

TEST(JsonCursor, ReadsTheStringsThatWereWritten) {
  std::string every;
  for (int c = 1; c < 0x80; ++c) every += static_cast<char>(c);
  for (const std::string& text : {every, std::string("\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80"), std::string("a\0b", 3)}) {
    for (const bool ascii : {false, true}) {
      const std::string json = nlohmann::json(text).dump(-1, ' ', ascii);
      EXPECT_EQ(JsonCursor(json, "the text", kOrigin).string(), text);
    }
  }
}

TEST(JsonCursor, ReadsIntegersOfDigitsAlone) {
  const auto read = [](const std::string& text) { return JsonCursor(text, "the text", kOrigin).integer(); };
  EXPECT_EQ(read(" 0"), 0);
  EXPECT_EQ(read("9223372036854775807"), INT64_MAX);
  for (const char* bad : {"9223372036854775808", "-1", "-0", "01", "1.0", "1e0", "1E0", "x", ""}) {
    EXPECT_THROW(read(bad), FormatError) << bad;
  }
}

}  // namespace
}  // namespace gossamer::io::test_json_cursor
