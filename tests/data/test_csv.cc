// CSV: the forms that are read, the place that errors name, and data sets made of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <clocale>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/data/csv.h"
#include "gossamer/error.h"
#include "gossamer/random.h"
#include "gossamer/runtime.h"
#include "tests/data/support.h"

namespace gossamer::data::test_csv {
namespace {

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

std::vector<double> values(const CsvTable& table) {
  return {table.values.span<double>().begin(), table.values.span<double>().end()};
}

TEST(Csv, ReadsEveryFormOfNumbersAndFields) {
  struct Case {
    std::string_view text;
    std::vector<std::string> names;
    std::vector<double> values;
    CsvOptions options = {};
  };
  const double inf = std::numeric_limits<double>::infinity();
  const Case cases[] = {
      {"a,b\n1,2\n3,4\n", {"a", "b"}, {1, 2, 3, 4}},
      {"a,b\r\n1,2\r\n3,4", {"a", "b"}, {1, 2, 3, 4}},
      {"a\n", {"a"}, {}},
      {"", {}, {}, {.header = false}},
      {"\n\r\n1\n\n2\n\n", {"0"}, {1, 2}, {.header = false}},
      {"\xEF\xBB\xBFx\n7", {"x"}, {7}},
      {"1;2.5\n-3;+4e2\n", {"0", "1"}, {1, 2.5, -3, 400}, {.delimiter = ';', .header = false}},
      {" 1 |\t2\n", {"0", "1"}, {1, 2}, {.delimiter = '|', .header = false}},
      {"inf,-inf,.5,5.,-0\n", {"0", "1", "2", "3", "4"}, {inf, -inf, 0.5, 5, -0.0}, {.header = false}},
      {"\"a \"\"quoted\"\", name\",\"two\nlines\"\n\"1\",\" 2.25\"\n", {"a \"quoted\", name", "two\nlines"}, {1, 2.25}},
      {"a,,b\n1,2,3\n", {"a", "", "b"}, {1, 2, 3}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(std::string(c.text));
    const CsvTable table = parse_csv(c.text, "case", c.options);
    EXPECT_EQ(table.names, c.names);
    EXPECT_EQ(values(table), c.values);
    const auto columns = static_cast<int64_t>(c.names.size());
    EXPECT_EQ(table.values.shape(), Shape({columns == 0 ? 0 : std::ssize(c.values) / columns, columns}));
  }
  EXPECT_TRUE(std::isnan(values(parse_csv("nan", "nan", {.header = false}))[0]));
  EXPECT_TRUE(std::signbit(values(parse_csv("-0", "zero", {.header = false}))[0]));
}

TEST(Csv, NamesFileLineAndColumnOfAFault) {
  struct Case {
    std::string_view text;
    std::string must;
    std::string place;
  };
  const Case cases[] = {
      {"", "the first line must name the columns", "'f', line 1"},
      {"\n\n", "the first line must name the columns", "'f', line 3"},
      {"a,b\n1,2\n3,x\n", "a field must be a number", "'f', line 3, column 2 ('b'): 'x'"},
      {"a,b\n1,\n", "a field must be a number", "'f', line 2, column 2 ('b'): ''"},
      {"a,b\n1, \n", "a field must be a number", "line 2, column 2 ('b'): ' '"},
      {"a\n1,5\n", "every line must have 1 fields", "'f', line 2: 2"},
      {"a,b\n1,2\n\n3\n", "every line must have 2 fields", "'f', line 4: 1"},
      {"a\n0x10\n", "a field must be a number", "'0x10'"},
      {"a\n1 2\n", "a field must be a number", "'1 2'"},
      {"a\n++1\n", "a field must be a number", "'++1'"},
      {"a\n+-1\n", "a field must be a number", "'+-1'"},
      {"a\n1e999\n", "a number must fit a double", "line 2, column 1 ('a'): '1e999'"},
      {"a,a\n", "names of columns must differ", "'f', line 1, column 2: 'a'"},
      {"5,0,0\n", "names of columns must differ", "set header = false"},
      {"a,b\n1,2\"\n", "a quote must stand at the beginning of a field", "'f', line 2, column 2"},
      {"a\n\"1\"2\n", "nothing must follow the quote that ends a field", "'f', line 2, column 1: '2'"},
      {"a,b\n1,2\n3,\"4\n5,6\n", "a quote must be closed", "'f', line 3, column 2"},
      {"\"two\nlines\",b\n1,2\n3,x\n", "a field must be a number", "'f', line 4, column 2"},
      {"a\r1\r2", "a line must end in LF or CR LF", "'f', line 1"},
      {std::string_view("a\n1\0\n", 5), "a field must be a number", "line 2"},
  };
  for (const Case& c : cases) {
    const std::string message = message_of<FormatError>([&] { parse_csv(c.text, "f"); });
    EXPECT_TRUE(contains(message, c.must) && contains(message, c.place)) << c.text << ": " << message;
  }
  const std::string long_field(100'000, '7');
  EXPECT_LT(message_of<FormatError>([&] { parse_csv("a\n" + long_field + "x\n", "f"); }).size(), 200U);
  for (const char delimiter : {'"', '\n', '\r'}) {
    EXPECT_THROW(parse_csv("a\n", "f", {.delimiter = delimiter}), ConfigError);
  }
}

TEST(Csv, WarnsAboutAFirstLineThatIsARowRatherThanNames) {
  std::vector<std::string> warnings;
  set_log_callback([&](LogLevel, std::string_view message) { warnings.emplace_back(message); });
  for (const std::string_view text : {"0,1,2\n1,2,0\n", "1,2,3\n", "1,b\n", "a,2\n", "0\n"}) parse_csv(text, "f");
  EXPECT_EQ(warnings, std::vector<std::string>{});
  parse_csv("1,2,0\n", "f", {.header = false});
  EXPECT_EQ(warnings, std::vector<std::string>{});
  for (const std::string_view text : {"1,2,0\n", "0,2\n", " +0.5,1e999\n"}) parse_csv(text, "f");
  set_log_callback({});
  ASSERT_EQ(warnings.size(), 3U);
  EXPECT_TRUE(contains(warnings[0], "parse_csv") && contains(warnings[0], "'f'")) << warnings[0];
  EXPECT_TRUE(contains(warnings[0], "header = false")) << warnings[0];
}

TEST(Csv, ReadsFilesLongerThanItsBufferPlainAndCompressed) {
  std::string text = "a,b,c\r\n";
  std::vector<double> expected;
  for (int i = 0; i < 30'000; ++i) {
    text += std::to_string(i) + ",\"" + std::to_string(i) + ".5\"," + std::to_string(-i) + "e-3\r\n";
    expected.insert(expected.end(), {static_cast<double>(i), i + 0.5, i == 0 ? -0.0 : -i / 1000.0});
  }
  const TempFolder folder;
  const auto plain = folder.write("plain.csv", bytes_of(text));
  EXPECT_EQ(values(read_csv(plain)), expected);
  EXPECT_EQ(values(read_csv(folder.write("packed.csv", gzip_bytes(bytes_of(text))))), expected);
  EXPECT_EQ(values(read_csv(plain, {.max_bytes = std::ssize(text)})), expected);
  const std::string message = message_of<FormatError>([&] { read_csv(plain, {.max_bytes = std::ssize(text) - 1}); });
  EXPECT_TRUE(contains(message, quoted(plain) + " has more")) << message;
  EXPECT_TRUE(
      contains(message_of<FileError>([&] { read_csv(folder.path() / "absent"); }), "read_csv: the file must exist"));
  Bytes broken = gzip_bytes(bytes_of(text));
  broken.resize(broken.size() - 20);
  EXPECT_THROW(read_csv(folder.write("broken.csv", broken)), FormatError);
}

TEST(Csv, EitherReadsATextOrSaysWhatIsWrongWithIt) {
  constexpr std::string_view kAlphabet = "\"\"\n\n\r,,12.-e \xEF\xBB\xBF";
  int64_t read = 0;
  constexpr uint64_t kTexts = 20'000;
  for (uint64_t key = 0; key < kTexts; ++key) {
    std::string text;
    for (uint64_t i = 1; i <= random_bits(key, 0) % 16; ++i)
      text.push_back(kAlphabet[random_bits(key, i) % kAlphabet.size()]);
    try {
      const CsvTable table = parse_csv(text, "random", {.header = false});
      EXPECT_EQ(table.values.dim(1), std::ssize(table.names));
      ++read;
    } catch (const FormatError&) {
    }
  }
  EXPECT_GT(read, 500);
}

TEST(Csv, DoesNotLookAtTheLocale) {
  // In many locales the decimal point is a comma. Machines without them test the default.
  for (const char* name : {"de_DE.UTF-8", "fr_FR.UTF-8", "C"}) {
    if (std::setlocale(LC_ALL, name) != nullptr) break;
  }
  EXPECT_EQ(values(parse_csv("1.5,2\n", "f", {.header = false})), (std::vector<double>{1.5, 2}));
  std::setlocale(LC_ALL, "C");
}

TEST(CsvDataset, SeparatesTheLabelFromTheOtherColumns) {
  const TempFolder folder;
  const auto file = folder.write("iris.csv", bytes_of("a,kind,b\n0.5,2,1\n1.5,0,-3\n"));
  const auto all = [](const std::shared_ptr<const TensorDataset>& dataset) {
    return dataset->gather(std::vector<int64_t>{0, 1});
  };
  const Batch classes = all(load_csv(file, {.label = "kind"}));
  EXPECT_TRUE(std::ranges::equal(classes.x.span<float>(), std::vector<float>{0.5, 1, 1.5, -3}));
  EXPECT_EQ(classes.x.shape(), Shape({2, 2}));
  EXPECT_TRUE(std::ranges::equal(classes.y.span<int64_t>(), std::vector<int64_t>{2, 0}));
  const Batch last = all(load_csv(file, {.target = CsvTarget::Value}));
  EXPECT_TRUE(std::ranges::equal(last.x.span<float>(), std::vector<float>{0.5, 2, 1.5, 0}));
  EXPECT_TRUE(std::ranges::equal(last.y.span<float>(), std::vector<float>{1, -3}));
  EXPECT_EQ(last.y.shape(), Shape({2, 1}));
}

TEST(CsvDataset, RefusesLabelsAndNumbersThatCannotBe) {
  const TempFolder folder;
  const auto file = folder.write("f.csv", bytes_of("a,b\n1,0\n2,-3\n"));
  EXPECT_TRUE(contains(message_of<FormatError>([&] { load_csv(file); }),
                       "a class must be a whole number from 0 on; " + quoted(file) +
                           ", line 3, column 2 ('b'): -3; target = CsvTarget::Value takes "
                           "values to predict"));
  for (const char* label : {"0.5", "nan", "inf", "1e300"}) {
    EXPECT_THROW(load_csv(folder.write("l.csv", bytes_of(std::string("a,b\n1,") + label))), FormatError);
  }
  const std::string message = message_of<ConfigError>([&] { load_csv(file, {.label = "c"}); });
  EXPECT_TRUE(contains(message, "label must be one of a, b; 'c'")) << message;
  const auto large = folder.write("large.csv", bytes_of("a,b\n1,0\n1e39,1\n"));
  EXPECT_TRUE(contains(message_of<FormatError>([&] { load_csv(large); }), "line 3, column 1 ('a')"));
  EXPECT_THROW(load_csv(folder.write("empty.csv", {}), {.csv = {.header = false}}), FormatError);
}

}  // namespace
}  // namespace gossamer::data::test_csv
