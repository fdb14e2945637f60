// Matrix Market and .smtx files: what is read, what each fault says, and what is written.
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/io/matrix_market.h"
#include "gossamer/io/smtx.h"
#include "tests/support/errors.h"
#include "tests/support/files.h"
#include "tests/support/golden.h"

namespace gossamer::io::test_matrix_files {
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

Bytes bytes_of(const std::string& text) { return {text.begin(), text.end()}; }
std::string text_of(const std::filesystem::path& file) {
  const Bytes bytes = file_bytes(file);
  return {bytes.begin(), bytes.end()};
}

TEST(MatrixMarket, GivesThePositionsOfAPatternFromOne) {
  const MatrixMarket matrix = parse_matrix_market(
      "%%MatrixMarket matrix coordinate pattern general\n"
      "% a comment\n"
      "\n"
      "3 4 4\n"
      "3 1\n"
      "1 4\n"
      "% another\n"
      "1 2\n"
      "3 4\n");
  EXPECT_EQ(matrix.pattern->rows(), 3);
  EXPECT_EQ(matrix.pattern->cols(), 4);
  EXPECT_EQ(positions(*matrix.pattern), (std::vector<Position>{{0, 1}, {0, 3}, {2, 0}, {2, 3}}));
  EXPECT_FALSE(matrix.values.defined());
}

TEST(MatrixMarket, GivesValuesInTheOrderOfRows) {
  const MatrixMarket real = parse_matrix_market(
      "%%MatrixMarket MATRIX coordinate Real general\r\n2 3 3\r\n2 3 -7e-1\r\n1 1 0\r\n2 1 +1.5\r\n");
  EXPECT_EQ(positions(*real.pattern), (std::vector<Position>{{0, 0}, {1, 0}, {1, 2}}));
  golden::expect_equal(real.values, Tensor::from<double>({0.0, 1.5, -0.7}, {3}));
  const MatrixMarket integer =
      parse_matrix_market("%%MatrixMarket matrix coordinate integer general\n1 2 2\n1 2 9223372036854775807\n1 1 -3\n");
  golden::expect_equal(integer.values, Tensor::from({int64_t{-3}, std::numeric_limits<int64_t>::max()}, {2}));
}

TEST(MatrixMarket, FillsTheOtherHalfOfASymmetricMatrix) {
  const MatrixMarket symmetric =
      parse_matrix_market("%%MatrixMarket matrix coordinate real symmetric\n3 3 3\n1 1 1.5\n3 1 2\n3 2 1e-3\n");
  EXPECT_EQ(positions(*symmetric.pattern), (std::vector<Position>{{0, 0}, {0, 2}, {1, 2}, {2, 0}, {2, 1}}));
  golden::expect_equal(symmetric.values, Tensor::from<double>({1.5, 2.0, 1e-3, 2.0, 1e-3}, {5}));
  const MatrixMarket skew =
      parse_matrix_market("%%MatrixMarket matrix coordinate integer skew-symmetric\n2 2 1\n2 1 5\n");
  EXPECT_EQ(positions(*skew.pattern), (std::vector<Position>{{0, 1}, {1, 0}}));
  golden::expect_equal(skew.values, Tensor::from({int64_t{-5}, int64_t{5}}, {2}));
}

TEST(MatrixMarket, NamesTheLineAndWhatIsWrongThere) {
  const std::string banner = "%%MatrixMarket matrix coordinate ";
  const std::string pattern = banner + "pattern general\n", real = banner + "real general\n";
  const auto says = [](const std::string& text, const std::string& message) {
    SCOPED_TRACE(text);
    expect_in(message, message_of<FormatError>([&] { parse_matrix_market(text, "a.mtx"); }));
  };
  says("", "parse_matrix_market: the first line must begin with '%%MatrixMarket matrix'; 'a.mtx', line 1: it does not");
  says("3 3 1\n1 1\n", "the first line must begin with '%%MatrixMarket matrix'");
  says("%%MatrixMarket matrix array real general\n",
       "the format must be coordinate; 'a.mtx', line 1: 'array'; save a dense matrix as .npy and read it by load_npy");
  says(banner + "complex general\n", "the field must be pattern, real or integer; 'a.mtx', line 1: 'complex'");
  says(banner + "real hermitian\n", "the symmetry must be general, symmetric or, of numbers, skew-symmetric");
  says(banner + "pattern skew-symmetric\n", "the symmetry must be general, symmetric or, of numbers, skew-symmetric");
  says(banner + "real general x\n", "the line must end after the symmetry; 'a.mtx', line 1: 'x' follows");
  says(banner + "real symmetric\n2 3 1\n1 1 1\n", "a symmetric matrix must be square; 'a.mtx', line 2: 2 x 3");
  says(banner + "real skew-symmetric\n2 2 1\n1 1 1\n", "the diagonal of a skew-symmetric matrix must be left out");
  says(banner + "integer skew-symmetric\n2 2 1\n2 1 -9223372036854775808\n", "the mirrored value must fit 64 bits");
  says(pattern, "a line with rows, columns and nonzeros must follow; 'a.mtx', line 1: the file ends");
  says(pattern + "3 3\n", "the number of nonzeros must be a whole number; 'a.mtx', line 2: the line ends");
  says(pattern + "3 3 10\n", "the number of nonzeros must be in [0, 9]; 'a.mtx', line 2: '10'");
  says(pattern + "3 3 -1\n", "the number of nonzeros must be in [0, 9]");
  says(pattern + "3 3000000000 1\n", "the number of columns must be in [0, 2147483647]");
  says(pattern + "3 3 1 1\n", "the line must end after rows, columns and nonzeros; 'a.mtx', line 2: '1' follows");
  says(pattern + "2147483647 1 0\n", "the number of rows must be in [0, 262208]; 'a.mtx', line 2: '2147483647'");
  says(pattern + "99999 99999 1000000\n1 1\n", "the file must hold all nonzeros; 'a.mtx', line 2: 1000000 of them in");
  says(pattern + "3 3 1\n0 1\n", "the row must be in [1, 3]; 'a.mtx', line 3: '0'");
  says(pattern + "3 3 1\n1 4\n", "the column must be in [1, 3]; 'a.mtx', line 3: '4'");
  says(pattern + "3 3 1\n1 x\n", "the column must be a whole number; 'a.mtx', line 3: 'x'");
  says(pattern + "3 3 1\n1 1 5\n", "the line must end after row and column; 'a.mtx', line 3: '5' follows");
  says(pattern + "3 3 2\n1 1\n", "2 nonzeros must follow the sizes; 'a.mtx', line 3: the file ends after 1");
  says(pattern + "3 3 1\n1 1\n2 2\n", "the file must end after 1 nonzeros; 'a.mtx', line 4: another line");
  says(pattern + "3 3 2\n2 3\n2 3\n", "every position must be given once; 'a.mtx': row 2, column 3 is given twice");
  says(banner + "real symmetric\n3 3 2\n2 3 1\n3 2 1\n", "every position must be given once");
  says(real + "2 2 1\n1 1\n", "the value must be a number; 'a.mtx', line 3: the line ends");
  says(real + "2 2 1\n1 1 1e999\n", "the value must fit 64 bits; 'a.mtx', line 3: '1e999'");
  says(banner + "integer general\n2 2 1\n1 1 0.5\n", "the value must be a whole number; 'a.mtx', line 3: '0.5'");
}

TEST(MatrixMarket, WritesWhatItReadsAgain) {
  const TempFolder folder;
  const auto file = folder.path() / "a.mtx";
  const auto pattern = CsrPattern::from_positions(3, 4, std::vector<int64_t>{1, 3, 8});
  const std::string banner = "%%MatrixMarket matrix coordinate ";
  const auto expect_written = [&](const Tensor& values, const std::string& text) {
    save_matrix_market(file, *pattern, values);
    EXPECT_EQ(text_of(file), text);
    const MatrixMarket same = load_matrix_market(file);
    EXPECT_TRUE(*same.pattern == *pattern);
    ASSERT_EQ(same.values.defined(), values.defined());
    if (values.defined()) golden::expect_equal(same.values.to(values.dtype()), values);
  };
  expect_written({}, banner + "pattern general\n3 4 3\n1 2\n1 4\n3 1\n");
  expect_written(Tensor::from({0.1F, -2.0F, std::numeric_limits<float>::infinity()}, {3}),
                 banner + "real general\n3 4 3\n1 2 0.1\n1 4 -2\n3 1 inf\n");
  expect_written(Tensor::from<double>({0.1, 1e300, -0.0}, {3}),
                 banner + "real general\n3 4 3\n1 2 0.1\n1 4 1e+300\n3 1 -0\n");
  expect_written(Tensor::from({1, 2, -3}, {3}), banner + "integer general\n3 4 3\n1 2 1\n1 4 2\n3 1 -3\n");
  EXPECT_THROW(save_matrix_market(file, *pattern, Tensor::zeros({2})), ShapeError);
  EXPECT_THROW(save_matrix_market(file, *pattern, Tensor::zeros({3}, DType::boolean)), DTypeError);

  // Full and empty patterns, whose rows are stored in no list.
  for (const auto& other : {CsrPattern::full(2, 2), CsrPattern::from_positions(2, 3, std::vector<int64_t>{})}) {
    save_matrix_market(file, *other);
    EXPECT_TRUE(*load_matrix_market(file).pattern == *other);
    save_smtx(file, *other);
    EXPECT_TRUE(*load_smtx(file) == *other);
  }
}

TEST(Smtx, GivesThePositionsOfOffsetsAndColumns) {
  const auto pattern = parse_smtx("3, 4, 4\n0 2 2 4 \n3 1 0 3 \n");
  EXPECT_EQ(pattern->rows(), 3);
  EXPECT_EQ(pattern->cols(), 4);
  EXPECT_EQ(positions(*pattern), (std::vector<Position>{{0, 1}, {0, 3}, {2, 0}, {2, 3}}));
}

TEST(Smtx, TakesAMatrixWithoutNonzeros) {
  for (const char* text : {"2, 3, 0\n0 0 0\n\n", "2,3,0\n0 0 0"}) {
    const auto pattern = parse_smtx(text);
    EXPECT_EQ(pattern->rows(), 2);
    EXPECT_EQ(pattern->nnz(), 0);
  }
}

TEST(Smtx, NamesTheLineAndWhatIsWrongThere) {
  const auto says = [](const std::string& text, const std::string& message) {
    SCOPED_TRACE(text);
    expect_in(message, message_of<FormatError>([&] { parse_smtx(text, "a.smtx"); }));
  };
  says("", "parse_smtx: the first line must be 'rows, columns, nonzeros'; 'a.smtx', line 1: an empty file");
  says("3, 4\n", "the number of nonzeros must be a whole number; 'a.smtx', line 1: the line ends");
  says("999999999, 4, 1\n", "the number of rows must be in [0, 262160]; 'a.smtx', line 1: '999999999'");
  says("2, 4, 2\n", "a line with row offsets must follow; 'a.smtx', line 1: the file ends");
  says("2, 4, 2\n1 1 2\n0 0\n", "a row offset must be in [0, 0]; 'a.smtx', line 2: '1'");
  says("3, 4, 2\n0 2 1 2\n0 1\n", "a row offset must be in [2, 2]; 'a.smtx', line 2: '1'");
  says("2, 4, 2\n0 1\n0 0\n", "a row offset must be a whole number; 'a.smtx', line 2: the line ends");
  says("2, 4, 2\n0 1 2 2\n0 0\n", "the line must end after 3 row offsets; 'a.smtx', line 2: '2' follows");
  says("2, 4, 2\n0 1 2\n", "a line with columns must follow; 'a.smtx', line 2: the file ends");
  says("2, 4, 2\n0 1 2\n0 4\n", "a column must be in [0, 3]; 'a.smtx', line 3: '4'");
  says("2, 4, 2\n0 1 2\n0\n", "a column must be a whole number; 'a.smtx', line 3: the line ends");
  says("2, 4, 2\n0 1 2\n0 1 2\n", "the line must end after 2 columns; 'a.smtx', line 3: '2' follows");
  says("2, 4, 2\n0 1 2\n0 1\n0 1\n", "the file must end after the columns; 'a.smtx', line 4: another line");
  says("1, 4, 2\n0 2\n1 1\n", "every position must be given once; 'a.smtx': row 0, column 1 (from 0) is given twice");
}

TEST(Smtx, WritesThreeLines) {
  const TempFolder folder;
  const auto file = folder.path() / "a.smtx";
  const auto pattern = CsrPattern::from_positions(3, 4, std::vector<int64_t>{1, 3, 8, 11});
  save_smtx(file, *pattern);
  EXPECT_EQ(text_of(file), "3, 4, 4\n0 2 2 4\n1 3 0 3\n");
  EXPECT_TRUE(*load_smtx(file) == *pattern);
}

TEST(MatrixFiles, MayBeCompressedAndAreBoundedInSize) {
  const TempFolder folder;
  const std::string text = "2, 2, 1\n0 0 1\n0\n";
  const auto file = folder.write("a.smtx", gzip_bytes(bytes_of(text)));
  EXPECT_EQ(positions(*load_smtx(file)), (std::vector<Position>{{1, 0}}));
  EXPECT_EQ(load_smtx(file, {.max_bytes = std::ssize(text)})->nnz(), 1);
  const std::string message = message_of<FormatError>([&] { load_smtx(file, {.max_bytes = std::ssize(text) - 1}); });
  expect_in("the text must have at most 15 bytes; " + quoted(file) + " has more; raise max_bytes", message);
  expect_in("raise max_bytes", message_of<FormatError>([&] { load_matrix_market(file, {.max_bytes = 3}); }));
  const auto absent = folder.path() / "absent.mtx";
  expect_in(quoted(absent), message_of<FileError>([&] { load_matrix_market(absent); }));
  expect_in(quoted(absent), message_of<FileError>([&] { load_smtx(absent); }));
}

}  // namespace
}  // namespace gossamer::io::test_matrix_files
