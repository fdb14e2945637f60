// What tests of sparsity algorithms share: captured warnings, hand-made gradients, parameters in dense form.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/parameter.h"
#include "parameter/access.h"
#include "tests/parameter/support.h"
#include "tests/support/log_capture.h"

namespace gossamer::test {

// Gives a parameter a dense gradient, as backward would have: at the nonzeros, and whole for an algorithm that asked.
inline void set_dense_gradient(const Parameter& parameter, const Tensor& gradient) {
  parameter.zero_grad();
  parameter.values().set_grad(parameter.is_csr() ? parameter.pattern()->gather(gradient) : gradient);
  if (ParameterAccess::tap(parameter).armed()) ParameterAccess::tap(parameter).add_dense(gradient);
}

inline Parameter dense_parameter(const std::string& name, const Shape& shape, uint64_t key) {
  return Parameter(uniform(shape, key), name);
}

}  // namespace gossamer::test
