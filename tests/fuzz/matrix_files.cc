#include "gossamer/io/matrix_market.h"
#include "gossamer/io/smtx.h"
#include "tests/fuzz/target.h"

namespace gossamer::fuzz {

FUZZ_TARGET(matrix_market) {
  accepts([&] {
    const io::MatrixMarket matrix = io::parse_matrix_market(text_of(bytes), kName);
    require(!matrix.values.defined() || matrix.values.numel() == matrix.pattern->nnz(), "every nonzero has a value");
  });
}

FUZZ_TARGET(smtx) {
  accepts([&] {
    const auto pattern = io::parse_smtx(text_of(bytes), kName);
    require(pattern->nnz() <= static_cast<int64_t>(bytes.size()), "no nonzero is made up");
  });
}

}  // namespace gossamer::fuzz
