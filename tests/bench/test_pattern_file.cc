#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "bench/pattern_file.h"
#include "gossamer/error.h"
#include "tests/support/errors.h"

namespace gossamer::bench::test_pattern_file {
namespace {

struct Position {
  int64_t row, col;
  bool operator==(const Position&) const = default;
};

void expect_in(const std::string& part, const std::string& text) {
  EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in '" << text << "'";
}

std::vector<Position> positions(const CsrPattern& pattern) {
  std::vector<Position> found;
  pattern.for_each([&](const SlotPosition& p) { found.push_back({p.row, p.col}); });
  return found;
}

TEST(MatrixMarket, GivesThePositionsOfAPatternFromOne) {
  const auto pattern = parse_matrix_market(
      "%%MatrixMarket matrix coordinate pattern general\n"
      "% a comment\n"
      "\n"
      "3 4 4\n"
      "3 1\n"
      "1 4\n"
      "% another\n"
      "1 2\n"
      "3 4\n",
      "a.mtx");
  EXPECT_EQ(pattern->rows(), 3);
  EXPECT_EQ(pattern->cols(), 4);
  EXPECT_EQ(positions(*pattern), (std::vector<Position>{{0, 1}, {0, 3}, {2, 0}, {2, 3}}));
}

TEST(MatrixMarket, TakesRealAndIntegerValuesAndDoesNotLookAtThem) {
  for (const char* field : {"real", "integer", "Real"}) {
    const auto pattern = parse_matrix_market(
        std::string("%%MatrixMarket MATRIX coordinate ") + field + " general\r\n2 2 2\r\n1 1 0\r\n2 1 -7\r\n", "a.mtx");
    EXPECT_EQ(positions(*pattern), (std::vector<Position>{{0, 0}, {1, 0}})) << field;
  }
}

TEST(MatrixMarket, MirrorsASymmetricMatrixAtItsDiagonal) {
  const auto pattern = parse_matrix_market(
      "%%MatrixMarket matrix coordinate real symmetric\n3 3 3\n1 1 1.5\n3 1 2\n3 2 1e-3\n", "a.mtx");
  EXPECT_EQ(positions(*pattern), (std::vector<Position>{{0, 0}, {0, 2}, {1, 2}, {2, 0}, {2, 1}}));
}

TEST(MatrixMarket, NamesTheLineAndWhatIsWrongThere) {
  const std::string head = "%%MatrixMarket matrix coordinate pattern general\n";
  const auto says = [](const std::string& text, const std::string& message) {
    expect_in(message, message_of<FormatError>([&] { parse_matrix_market(text, "a.mtx"); }));
  };
  says("", "a.mtx:1: the first line must begin with '%%MatrixMarket matrix'");
  says("3 3 1\n1 1\n", "a.mtx:1: the first line must begin with '%%MatrixMarket matrix'");
  says("%%MatrixMarket matrix array real general\n", "a.mtx:1: the format must be coordinate; 'array'");
  says("%%MatrixMarket matrix coordinate complex general\n", "the field must be pattern, real or integer; 'complex'");
  says("%%MatrixMarket matrix coordinate real hermitian\n", "the symmetry must be general or symmetric; 'hermitian'");
  says("%%MatrixMarket matrix coordinate real symmetric\n2 3 1\n1 1 1\n",
       "a.mtx:2: a symmetric matrix must be square; 2 x 3");
  says(head, "a line with rows, columns and nonzeros must follow; the file ends");
  says(head + "3 3\n", "a.mtx:2: the number of nonzeros must be a number in [0, 9]; the line ends");
  says(head + "3 3 10\n", "a.mtx:2: the number of nonzeros must be a number in [0, 9]; '10'");
  says(head + "99999 99999 1000000\n1 1\n", "a.mtx:2: the file must hold all nonzeros");
  says(head + "3 3 1\n0 1\n", "a.mtx:3: the row must be a number in [1, 3]; '0'");
  says(head + "3 3 1\n1 4\n", "a.mtx:3: the column must be a number in [1, 3]; '4'");
  says(head + "3 3 1\n1 x\n", "a.mtx:3: the column must be a number in [1, 3]; 'x'");
  says(head + "3 3 1\n1 1 5\n", "a.mtx:3: the line must end after row and column; '5' follows");
  says(head + "3 3 2\n1 1\n", "2 nonzeros must follow the sizes; the file ends after 1");
  says(head + "3 3 1\n1 1\n2 2\n", "a.mtx:4: the file must end after 1 nonzeros");
  says(head + "3 3 2\n2 3\n2 3\n", "a.mtx: every position must be given once; row 1, column 2 (from 0) is given twice");
  says("%%MatrixMarket matrix coordinate real general\n2 2 1\n1 1\n", "a.mtx:3: a value must follow row and column");
}

TEST(Smtx, GivesThePositionsOfOffsetsAndColumns) {
  const auto pattern = parse_smtx("3, 4, 4\n0 2 2 4 \n3 1 0 3 \n", "a.smtx");
  EXPECT_EQ(pattern->rows(), 3);
  EXPECT_EQ(pattern->cols(), 4);
  EXPECT_EQ(positions(*pattern), (std::vector<Position>{{0, 1}, {0, 3}, {2, 0}, {2, 3}}));
}

TEST(Smtx, TakesAMatrixWithoutNonzeros) {
  for (const char* text : {"2, 3, 0\n0 0 0\n\n", "2,3,0\n0 0 0"}) {
    const auto pattern = parse_smtx(text, "a.smtx");
    EXPECT_EQ(pattern->rows(), 2);
    EXPECT_EQ(pattern->nnz(), 0);
  }
}

TEST(Smtx, NamesTheLineAndWhatIsWrongThere) {
  const auto says = [](const std::string& text, const std::string& message) {
    expect_in(message, message_of<FormatError>([&] { parse_smtx(text, "a.smtx"); }));
  };
  says("", "a.smtx:1: the first line must be 'rows, columns, nonzeros'; an empty file");
  says("3, 4\n", "a.smtx:1: the number of nonzeros must be a number in [0, 12]; the line ends");
  says("999999999, 4, 1\n", "a.smtx:1: the file must hold an offset for every row");
  says("2, 4, 2\n", "a line with row offsets must follow; the file ends");
  says("2, 4, 2\n1 1 2\n0 0\n", "a.smtx:2: a row offset must be a number in [0, 0]; '1'");
  says("3, 4, 2\n0 2 1 2\n0 1\n", "a.smtx:2: a row offset must be a number in [2, 2]; '1'");
  says("2, 4, 2\n0 1\n0 0\n", "a.smtx:2: a row offset must be a number in [2, 2]; the line ends");
  says("2, 4, 2\n0 1 2 2\n0 0\n", "a.smtx:2: the line must end after 3 row offsets; '2' follows");
  says("2, 4, 2\n0 1 2\n", "a line with columns must follow; the file ends");
  says("2, 4, 2\n0 1 2\n0 4\n", "a.smtx:3: a column must be a number in [0, 3]; '4'");
  says("2, 4, 2\n0 1 2\n0\n", "a.smtx:3: a column must be a number in [0, 3]; the line ends");
  says("2, 4, 2\n0 1 2\n0 1 2\n", "a.smtx:3: the line must end after 2 columns; '2' follows");
  says("2, 4, 2\n0 1 2\n0 1\n0 1\n", "a.smtx:4: the file must end after the columns");
  says("1, 4, 2\n0 2\n1 1\n", "a.smtx: every position must be given once; row 0, column 1 (from 0) is given twice");
}

TEST(PatternFile, IsReadByItsEnding) {
  const std::filesystem::path folder = std::filesystem::path(::testing::TempDir());
  std::ofstream(folder / "a.mtx") << "%%MatrixMarket matrix coordinate pattern general\n2 2 1\n2 1\n";
  std::ofstream(folder / "a.smtx") << "2, 2, 1\n0 0 1\n0\n";
  EXPECT_TRUE(*read_pattern(folder / "a.mtx") == *read_pattern(folder / "a.smtx"));
  expect_in("the file's name must end in .mtx or .smtx; 'a.txt'",
            message_of<ConfigError>([] { read_pattern("a.txt"); }));
  expect_in("the file must be readable; 'absent.mtx'", message_of<ConfigError>([] { read_pattern("absent.mtx"); }));
}

}  // namespace
}  // namespace gossamer::bench::test_pattern_file
