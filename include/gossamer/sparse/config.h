// The configurations of gossamer/config.h, as sparsity algorithms use them.
#pragma once

#include "gossamer/config.h"

#pragma GCC visibility push(default)
namespace gossamer::sparse {

using gossamer::Config;
using gossamer::ConfigList;
using gossamer::ConfigMap;
using gossamer::ConfigReader;
using gossamer::load_yaml;
using gossamer::make_update_schedule;
using gossamer::parse_yaml;

}  // namespace gossamer::sparse
#pragma GCC visibility pop
